// @ts-check
/** Addresses that others have written: which of them may be opened, and where text has some. */

const WEB = ['https:', 'http:'];
const LINKS = [...WEB, 'mixin:'];

/** Up to white space, quotes, and what ends a phrase in Chinese and Japanese. */
const LINK = /(?:https?|mixin):\/\/[^\s<>"'`，。、；：！？（）「」『』【】]+/giu;
const MENTION = /@\d{4,20}/g;
const LAST = '.,;:!?*_~';

/**
 * @param {string} text
 * @param {string[]} schemes
 * @returns {string} the address, or '' if it may not be opened
 */
function opened(text, schemes) {
  try {
    const address = new URL(text.trim());
    return schemes.includes(address.protocol) ? address.href : '';
  } catch {
    return '';
  }
}

/** @param {string} text @returns {string} a link's address, or '' if it is not a safe one */
export const linkAddress = (text) => opened(text, LINKS);

/** @param {string} text @returns {string} an address on the web, or '' if it is none */
export const webAddress = (text) => opened(text, WEB);

/** @param {string} text @returns {string} what the page may load once it is asked to, or '' */
export const loadableAddress = (text) => opened(text, ['https:']);

/** @typedef {{kind: 'text' | 'link' | 'mention', text: string}} Part */

/**
 * Part a text where it has links and mentions (`@` and an identity number).
 * @param {string} text
 * @returns {Part[]} which together are the text
 */
export function parts(text) {
  return split(text, LINK, 'link', trimmed).flatMap((part) =>
    part.kind === 'link' ? [part] : split(part.text, MENTION, 'mention', (mention) => mention));
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 * @param {'link' | 'mention'} kind
 * @param {(found: string) => string} trim
 * @returns {Part[]}
 */
function split(text, pattern, kind, trim) {
  /** @type {Part[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const part = trim(match[0]);
    if (match.index > end) found.push({ kind: 'text', text: text.slice(end, match.index) });
    found.push({ kind, text: part });
    end = match.index + part.length;
  }
  if (end < text.length) found.push({ kind: 'text', text: text.slice(end) });
  return found;
}

/**
 * Return a link without what belongs to the sentence: its full stop, a bracket that opened before.
 * @param {string} link
 */
function trimmed(link) {
  let unopened = link.split(')').length - link.split('(').length;
  let end = link.length;
  for (; end > 0; end--) {
    if (link[end - 1] === ')' && unopened > 0) unopened--;
    else if (!LAST.includes(link[end - 1])) break;
  }
  return link.slice(0, end);
}
