// @ts-check
/** A live stream: where it is. It opens elsewhere. */

import { t } from '../i18n.js';
import { html } from '../ui.js';
import { frameStyle } from './frame_style.js';
import { RemotePicture } from './remote_picture.js';
import { Link } from './text.js';

/** @param {import('./index.js').BodyProps} props */
export const Live = ({ value }) => html`
  <div class="body-card body-live" style=${{ width: frameStyle(value).width }}>
    ${value.thumb_url && html`<${RemotePicture} address=${value.thumb_url} className="cover" />`}
    <span class="body-sign">${t('messages.kind_live')}</span>
    <span class="body-facts">
      <${Link} address=${value.url}>${t('messages.watch')}<//>
      <span class="small muted body-address">${value.url}</span></span>
  </div>`;
