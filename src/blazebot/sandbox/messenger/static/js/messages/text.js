// @ts-check
/** Text, with its links and mentions. */

import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { linkAddress, parts } from './addresses.js';
import { userByNumber } from './names.js';
import { mentionWords } from './summary.js';

const SHOWN = 3000;

/** @param {import('./index.js').BodyProps} props */
export function Text({ value }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && value.length > SHOWN;
  return html`
    <div class="body-text" dir="auto"><${Linked} text=${cut ? value.slice(0, SHOWN) : value} />${cut && '…'}</div>
    ${cut && html`<button class="body-more" type="button" onClick=${() => setWhole(true)}>
      ${t('messages.show_all')}</button>`}`;
}

/** @param {{text: string}} props */
export const Linked = ({ text }) => parts(text).map((part) => {
  if (part.kind === 'link') return html`<${Link} address=${part.text} />`;
  if (part.kind === 'mention') return html`<${Mention} text=${part.text} />`;
  return part.text;
});

/**
 * A link to elsewhere, or mere text where the address is not a safe one.
 * @param {{address: string, children?: any, className?: string}} props
 */
export function Link({ address, children = address, className }) {
  const href = linkAddress(address);
  if (!href) return html`<span class=${className}>${children}</span>`;
  return html`<a class=${className} href=${href} target="_blank" rel="noopener noreferrer"
    title=${address}>${children}</a>`;
}

/** @param {{text: string}} props */
function Mention({ text }) {
  if (!userByNumber(text.slice(1))) return text;
  return html`<span class="body-mention" title=${text}>${mentionWords(text)}</span>`;
}
