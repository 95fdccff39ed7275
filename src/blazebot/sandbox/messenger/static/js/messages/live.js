// @ts-check
/** A live stream: where it is, and after a click the stream. Nothing is loaded before. */

import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { loadableAddress } from './addresses.js';
import { frameStyle } from './frame_style.js';
import { RemotePicture } from './remote_picture.js';
import { Link } from './text.js';

/** @param {import('./index.js').BodyProps} props */
export function Live({ value }) {
  const [state, setState] = useState(/** @type {'' | 'shown' | 'broken'} */ (''));
  const href = loadableAddress(value.url);
  return html`
    <div class="body-card body-live" style=${{ width: frameStyle(value).width }}>
      ${state === 'shown'
        ? html`<video class="body-loaded" src=${href} controls autoplay playsinline onError=${() => setState('broken')}></video>`
        : value.thumb_url && html`<${RemotePicture} address=${value.thumb_url} className="cover" />`}
      <span class="body-sign">${t('messages.kind_live')}</span>
      <span class="body-facts">
        ${href && state === '' && html`
          <button class="body-more" type="button" onClick=${() => setState('shown')}>${t('messages.watch')}</button>`}
        ${state === 'broken' && html`<span>${t('messages.no_video')}</span>`}
        <${Link} address=${value.url} className="small body-address">${value.url}<//></span>
    </div>`;
}
