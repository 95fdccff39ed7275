// @ts-check
/** What a person does to a conversation. */

import { call } from '../api.js';

/** @param {unknown} value */
const encode = (value) => {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(String.fromCharCode(...bytes));
};

/**
 * @param {string} personId
 * @param {object} message as `POST /people/{person_id}/messages` takes it
 */
export const send = (personId, message) => call('POST', `/people/${personId}/messages`, message);

/**
 * @param {string} personId
 * @param {import('../folding.js').Message} message
 */
export const recall = (personId, message) =>
  send(personId, {
    conversation_id: message.conversation_id,
    category: 'MESSAGE_RECALL',
    data_base64: encode({ message_id: message.message_id }),
  });

/**
 * Pin a message, or take its pin away.
 * @param {string} personId
 * @param {import('../folding.js').Message} message
 */
export const pin = (personId, message) =>
  send(personId, {
    conversation_id: message.conversation_id,
    category: 'MESSAGE_PIN',
    data_base64: encode({ action: message.pinned ? 'UNPIN' : 'PIN', message_ids: [message.message_id] }),
  });
