// @ts-check
/** JSON with its parts coloured, as text. */

import { html } from '../ui.js';

const CHARACTERS_MOST = 200_000;

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * @param {string} text JSON
 * @returns {{kind: string, text: string}[]} its parts in order, the kind '' for what is between
 */
export function parts(text) {
  /** @type {{kind: string, text: string}[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [all, string, colon] = match;
    const shown = string ?? all;
    if (match.index > end) found.push({ kind: '', text: text.slice(end, match.index) });
    found.push({ kind: kindOf(string, colon, all), text: shown });
    end = match.index + shown.length;
  }
  if (end < text.length) found.push({ kind: '', text: text.slice(end) });
  return found;
}

/**
 * @param {string | undefined} string
 * @param {string | undefined} colon
 * @param {string} all
 */
function kindOf(string, colon, all) {
  if (string !== undefined) return colon === undefined ? 'string' : 'key';
  return /^[tfn]/.test(all) ? 'word' : 'number';
}

/** @param {{value: unknown}} props */
export function JsonView({ value }) {
  const text = JSON.stringify(value, null, 2);
  const shown = text.slice(0, CHARACTERS_MOST);
  return html`
    <pre class="json" tabindex="0"><code>${parts(shown).map(({ kind, text: part }) =>
      (kind ? html`<span class=${kind}>${part}</span>` : part))}${shown.length < text.length && '…'}</code></pre>`;
}
