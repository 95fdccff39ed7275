// @ts-check
/** What happened to a conversation, in words. */

import { duration } from '../format.js';
import { t } from '../i18n.js';
import { html } from '../ui.js';
import { nameOf } from './names.js';

const CHANGES = ['CREATE', 'ADD', 'REMOVE', 'JOIN', 'EXIT', 'ROLE', 'UPDATE', 'EXPIRE'];

/**
 * @param {{action: string, user_id: string, participant_id: string, role: string, expire_in: number}} change
 * @param {string} viewerId
 * @returns {string}
 */
export function changeWords(change, viewerId) {
  const { action, participant_id: participant, user_id: user, expire_in: seconds } = change;
  if (!CHANGES.includes(action)) return t('messages.change_other', { action });
  const values = {
    actor: nameOf(user || participant, viewerId),
    whom: nameOf(participant || user, viewerId),
    duration: duration(seconds),
    role: t(`messages.role_${change.role === 'OWNER' || change.role === 'ADMIN' ? change.role : 'MEMBER'}`),
  };
  const kind = action === 'EXPIRE' && !seconds ? 'EXPIRE_OFF' : action;
  return t(`messages.change_${kind}`, values);
}

/**
 * @param {{action: string, message_ids: any}} pin
 * @param {{user_id: string}} message
 * @param {string} viewerId
 * @returns {string}
 */
export const pinWords = (pin, message, viewerId) =>
  t(pin.action === 'PIN' ? 'messages.pinned' : 'messages.unpinned', {
    actor: nameOf(message.user_id, viewerId),
  });

/** @param {import('./index.js').BodyProps} props */
export const System = ({ value, person }) => html`
  <span class="body-line">${changeWords(value, person.user_id)}</span>`;

/** @param {import('./index.js').BodyProps} props */
export function Pin({ value, message, person, actions }) {
  const words = pinWords(value, message, person.user_id);
  const [first] = Array.isArray(value.message_ids) ? value.message_ids : [];
  if (value.action !== 'PIN' || typeof first !== 'string') return html`<span class="body-line">${words}</span>`;
  return html`<button class="body-line" type="button" onClick=${() => actions.jumpTo(first)}>${words}</button>`;
}
