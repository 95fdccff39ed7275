// @ts-check
/** A sticker. The sandbox has no shop with its picture: a face drawn from its name stands for it. */

import { t } from '../i18n.js';
import { html } from '../ui.js';

/** @param {import('./index.js').BodyProps} props */
export function Sticker({ value }) {
  const name = value.name || value.sticker_id;
  const hue = [...name].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 360, 7);
  return html`
    <figure class="body-sticker" title=${name}>
      <svg viewBox="0 0 96 96" role="img" aria-label=${`${t('messages.kind_sticker')} ${name}`}>
        <circle cx="48" cy="48" r="40" style=${{ fill: `hsl(${hue} 80% 66%)` }} />
        <circle cx="34" cy="40" r="5" /><circle cx="62" cy="40" r="5" />
        <path d=${hue % 3 ? 'M30 56c8 14 28 14 36 0' : 'M30 60h36'} />
      </svg>
      <figcaption>${value.name || t('messages.kind_sticker')}</figcaption>
    </figure>`;
}
