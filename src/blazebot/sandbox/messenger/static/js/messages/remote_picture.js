// @ts-check
/** A picture elsewhere: its address, and after a click the picture. Nothing is loaded before. */

import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { loadableAddress, webAddress } from './addresses.js';
import { Link } from './text.js';

/** @param {{address: string, className?: string}} props */
export function RemotePicture({ address, className = '' }) {
  const [state, setState] = useState(/** @type {'' | 'shown' | 'broken'} */ (''));
  const href = loadableAddress(address);
  if (state === 'shown') {
    return html`<img class=${`body-loaded ${className}`} src=${href} alt=${t('messages.kind_image')}
      onError=${() => setState('broken')} />`;
  }
  const web = webAddress(address);
  return html`
    <div class=${`body-remote ${className}`}>
      ${href && state === '' && html`
        <button class="body-more" type="button" onClick=${() => setState('shown')}>${t('messages.load_picture')}</button>`}
      ${state === 'broken' && html`<span>${t('messages.no_picture')}</span>`}
      ${web
        ? html`<${Link} address=${web} className="small body-address">${new URL(web).host}<//>`
        : html`<span class="small muted body-address">${address}</span>`}
    </div>`;
}
