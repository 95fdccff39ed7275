// @ts-check
/** Content of a category that is not known, or that does not fit its category: as it came. */

import { fileSize } from '../format.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';

const SHOWN = 2000;

/** @param {import('./index.js').BodyProps} props */
export function Unknown({ content }) {
  const [hex, setHex] = useState(false);
  const { bytes, category, problem } = content;
  const shown = bytes.slice(0, SHOWN);
  return html`
    <div class="body-unknown">
      <span class="small"><b>${t(problem ? 'messages.malformed' : 'messages.kind_unknown')}</b>
        ${' '}<code>${category}</code> · ${fileSize(bytes.length)}</span>
      ${problem && html`<span class="error">${problem}</span>`}
      <pre tabindex="0">${hex ? hexOf(shown) : new TextDecoder().decode(shown)}${bytes.length > SHOWN && '…'}</pre>
      <button class="body-more" type="button" onClick=${() => setHex(!hex)}>
        ${t(hex ? 'messages.as_text' : 'messages.as_hex')}</button>
    </div>`;
}

/** @param {Uint8Array} bytes */
const hexOf = (bytes) => [...bytes].map((one) => one.toString(16).padStart(2, '0')).join(' ');
