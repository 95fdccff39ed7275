// @ts-check
/** A picture: its thumbnail blurred, then itself; a click shows it large. */

import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { AttachmentProblem, useAttachment } from './attachment.js';
import { frameStyle } from './frame_style.js';
import { Thumbnail } from './thumbnail.js';
import { fileSize } from '../format.js';

/** Larger ones are read when they are asked for. */
const AT_ONCE_BYTES = 8e6;

/** @param {import('./index.js').BodyProps} props */
export function Image({ value }) {
  const [wanted, setWanted] = useState(value.size <= AT_ONCE_BYTES);
  const [broken, setBroken] = useState(false);
  const [large, setLarge] = useState(false);
  const { url, problem, loading } = useAttachment(value, wanted);
  const words = broken ? t('messages.no_picture') : problem;
  return html`
    <button class="body-picture" type="button" style=${frameStyle(value)} aria-busy=${loading}
      onClick=${() => (url ? setLarge(!broken) : setWanted(true))}>
      <span class="visually-hidden">${t(url ? 'messages.enlarge' : 'messages.load_picture')}</span>
      <${Thumbnail} base64=${value.thumbnail} />
      ${url && !broken && html`<img src=${url} alt=${t('messages.kind_image')} onError=${() => setBroken(true)} />`}
      ${!wanted && html`<span class="body-chip">${fileSize(value.size)}</span>`}
    </button>
    <${AttachmentProblem} problem=${words} />
    ${large && html`
      <${Dialog} title=${t('messages.kind_image')} close=${() => setLarge(false)} className="body-large">
        <img class="body-whole" src=${url} alt=${t('messages.kind_image')} />
      <//>`}`;
}
