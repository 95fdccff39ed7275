// @ts-check
/** How far an own message came: one grey tick, two, or two blue ones. */

import { t } from '../i18n.js';
import { html } from '../ui.js';

/** @param {{status: 'SENT' | 'DELIVERED' | 'READ'}} props */
export const Ticks = ({ status }) => html`
  <svg class=${`ticks ${status}`} width="18" height="12" viewBox="0 0 18 12" fill="none" stroke="currentColor"
    stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" role="img" aria-label=${t(`messenger.${status}`)}>
    <path d="M1.500 6.500 4.500 9.500 11 2.500" />
    ${status !== 'SENT' && html`<path d="M8 8.800 8.700 9.500 15.500 2.500" />`}
  </svg>`;
