// @ts-check
/** Markdown of strangers as elements that can do no harm. */

import { Marked } from '../../vendor/marked.js';
import DOMPurify from '../../vendor/purify.js';
import { linkAddress } from './addresses.js';

/** HTML in it is text, and pictures are links: nothing is loaded from elsewhere. */
const renderer = {
  html: (/** @type {{text: string}} */ token) => element('span', token.text),
  image: (/** @type {{href: string, text: string}} */ { href, text }) =>
    element('a', text || href, { href }),
};
const markdown = new Marked({ gfm: true, breaks: true, renderer });

/** Characters beyond which it stays text: on some the parser's time grows with their square. */
const MOST = 64_000;

const ALLOWED = {
  ALLOWED_TAGS: [
    'a', 'b', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr',
    'i', 'li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'sub', 'sup', 'table', 'tbody', 'td', 'th',
    'thead', 'tr', 'ul',
  ],
  ALLOWED_ATTR: ['href', 'start', 'align'],
  RETURN_DOM_FRAGMENT: true,
};

/**
 * @param {string} text Markdown
 * @returns {DocumentFragment}
 */
export function markdownElements(text) {
  const fragment = DOMPurify.sanitize(html(text), ALLOWED);
  for (const link of fragment.querySelectorAll('a')) {
    const href = linkAddress(link.getAttribute('href') ?? '');
    if (!href) {
      link.replaceWith(...link.childNodes);
      continue;
    }
    Object.assign(link, { href, target: '_blank', rel: 'noopener noreferrer', title: href });
  }
  return fragment;
}

/** @param {string} text */
function html(text) {
  if (text.length > MOST) return element('pre', text);
  try {
    return /** @type {string} */ (markdown.parse(text, { async: false }));
  } catch {
    return element('pre', text); // nested too deeply for the parser
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {Record<string, string>} [attributes]
 * @returns {string} the HTML of an element with mere text in it
 */
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made.outerHTML;
}
