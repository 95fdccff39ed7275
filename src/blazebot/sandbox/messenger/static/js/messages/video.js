// @ts-check
/** A video: a picture of it until it is played. */

import { duration, fileSize } from '../format.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { AttachmentProblem, useAttachment } from './attachment.js';
import { frameStyle } from './frame_style.js';
import { PlaySign } from './play_sign.js';
import { Thumbnail } from './thumbnail.js';

/** @param {import('./index.js').BodyProps} props */
export function Video({ value }) {
  const [wanted, setWanted] = useState(false);
  const [broken, setBroken] = useState(false);
  const { url, problem, loading } = useAttachment(value, wanted);
  const words = broken ? t('messages.no_video') : problem;
  const facts = [value.duration && duration(value.duration / 1000), value.size && fileSize(value.size)];
  if (url && !broken) {
    return html`<video class="body-video" style=${frameStyle(value)} src=${url} controls autoplay playsinline
      aria-label=${t('messages.kind_video')} onError=${() => setBroken(true)}></video>`;
  }
  return html`
    <button class="body-picture" type="button" style=${frameStyle(value)} aria-busy=${loading}
      onClick=${() => setWanted(true)}>
      <span class="visually-hidden">${t('messages.play_video')}</span>
      <${Thumbnail} base64=${value.thumbnail} />
      <span class="body-play"><${PlaySign} /></span>
      <span class="body-chip">${facts.filter(Boolean).join(' · ')}</span>
    </button>
    <${AttachmentProblem} problem=${words} />`;
}
