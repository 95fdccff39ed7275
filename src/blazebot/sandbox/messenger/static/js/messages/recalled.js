// @ts-check
/** Messages of which there is nothing to show. */

import { t } from '../i18n.js';
import { html } from '../ui.js';

/** One that was taken back. */
export const Recalled = () => html`<span class="body-gone">${t('messages.recalled')}</span>`;

/** One that is not encrypted for this person's sessions. @param {import('./index.js').BodyProps} props */
export const Undecryptable = ({ content }) => html`
  <span class="body-gone">${t('messages.undecryptable')}<br /><span class="small">${content.problem}</span></span>`;
