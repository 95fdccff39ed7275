// @ts-check
/** A picture elsewhere: its address. The page loads nothing from there; a click opens it. */

import { t } from '../i18n.js';
import { html } from '../ui.js';
import { webAddress } from './addresses.js';
import { Link } from './text.js';

/** @param {{address: string, className?: string}} props */
export function RemotePicture({ address, className = '' }) {
  const href = webAddress(address);
  return html`
    <div class=${`body-remote ${className}`}>
      ${href && html`<${Link} address=${href}>${t('messages.open_picture')}<//>`}
      <span class="small muted body-address">${href ? new URL(href).host : address}</span>
    </div>`;
}
