// @ts-check
/** A transfer of money. */

import { t } from '../i18n.js';
import { html } from '../ui.js';
import { nameOf } from './names.js';

/** Assets whose name is known without asking. @type {Record<string, string>} */
const ASSETS = { 'c94ac88f-4671-3976-b60a-09064f1811e8': 'XIN' };

/** @param {import('./index.js').BodyProps} props */
export const Transfer = ({ value, message, person }) => html`
  <dl class="body-transfer">
    <dt class="body-amount"><b>${value.amount}</b> <span title=${value.asset_id}>${asset(value.asset_id)}</span></dt>
    <dd class="small">${t('messages.paid_by', { name: nameOf(message.user_id, person.user_id) })}</dd>
    ${value.memo && html`<dd>${value.memo}</dd>`}
    ${value.inscription_hash && html`
      <dd class="small">${t('messages.inscription')} <code>${short(value.inscription_hash)}</code></dd>`}
    <dd class="small muted">
      ${t('messages.snapshot')} <code title=${value.snapshot_id}>${short(value.snapshot_id)}</code></dd>
  </dl>`;

/** @param {string} id */
const asset = (id) => ASSETS[id] ?? short(id);

/** @param {string} text */
const short = (text) => text.slice(0, 8);
