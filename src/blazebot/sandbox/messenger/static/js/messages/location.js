// @ts-check
/** A place: a drawn card with its coordinates. No map is loaded; a link leads to one. */

import { t } from '../i18n.js';
import { html } from '../ui.js';

const MERIDIANS = [-150, -120, -90, -60, -30, 0, 30, 60, 90, 120, 150];
const PARALLELS = [-60, -30, 0, 30, 60];

/** @param {import('./index.js').BodyProps} props */
export function Location({ value: { latitude, longitude, name, address } }) {
  const x = Math.min(Math.max(longitude, -180), 180);
  const y = -Math.min(Math.max(latitude, -90), 90);
  const map = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  return html`
    <a class="body-location" href=${map} target="_blank" rel="noopener noreferrer">
      <span class="visually-hidden">${t('messages.kind_location')} </span>
      <svg viewBox="-180 -90 360 180" aria-hidden="true">
        ${MERIDIANS.map((one) => html`<path key=${`m${one}`} class=${one ? '' : 'zero'} d=${`M${one} -90V90`} />`)}
        ${PARALLELS.map((one) => html`<path key=${`p${one}`} class=${one ? '' : 'zero'} d=${`M-180 ${one}H180`} />`)}
        <circle class="around" cx=${x} cy=${y} r="18" /><circle cx=${x} cy=${y} r="7" />
      </svg>
      <span class="body-facts">
        ${name && html`<b>${name}</b>`}
        ${address && html`<span class="small">${address}</span>`}
        <span class="small muted">${coordinates(latitude, longitude)}</span>
      </span>
    </a>`;
}

/**
 * @param {number} latitude
 * @param {number} longitude
 */
const coordinates = (latitude, longitude) =>
  `${degrees(latitude, 'N', 'S')}, ${degrees(longitude, 'E', 'W')}`;

/**
 * @param {number} value
 * @param {string} above what a value above 0 is called
 * @param {string} below
 */
const degrees = (value, above, below) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? below : above}`;
