// @ts-check
/** What is asked of the sandbox for what was composed. */

import { call } from '../api.js';
import { newId } from '../ids.js';
import { encodeBase64 } from '../messages/base64.js';

/**
 * @typedef {object} Options
 * @property {boolean} encrypted
 * @property {boolean} malformed it goes out as it is written, whatever that is
 * @property {boolean} silent
 * @property {number} expireIn seconds
 * @property {string[]} mentions user ids
 */

/**
 * Send what was composed.
 * @param {object} composed
 * @param {string} composed.personId
 * @param {import('../store.js').Conversation} composed.conversation
 * @param {import('./categories.js').Category} composed.category
 * @param {string} composed.name the category on the wire
 * @param {string} composed.source the content as it is written
 * @param {any} composed.value the content
 * @param {import('./uploads.js').Quoted} composed.quoted
 * @param {Options} composed.options
 * @returns {Promise<any>}
 */
export function send({ personId, conversation, category, name, source, value, quoted, options }) {
  if (category.by === 'transfer' && !options.malformed) {
    const bot = conversation.participants.find((one) => one.kind === 'bot');
    return call('POST', `/people/${personId}/transfers`, { ...value, category: name, bot_id: bot?.user_id ?? '' });
  }
  const messageId = newId();
  const text = options.malformed ? source : plainSource(category, value, messageId);
  return call('POST', `/people/${personId}/messages`, {
    conversation_id: conversation.conversation_id,
    message_id: messageId,
    category: name,
    data_base64: encodeBase64(new TextEncoder().encode(text)),
    encrypted: options.encrypted,
    unchecked: options.malformed,
    silent: options.silent,
    expire_in: options.expireIn,
    mentions: options.mentions,
    quote_message_id: quoted?.message_id,
  });
}

/**
 * @param {import('./categories.js').Category} category
 * @param {any} value
 * @param {string} messageId which each item of a transcript carries [C]
 */
function plainSource({ form, category }, value, messageId) {
  if (form === 'text' || form === 'raw') return value;
  if (category !== 'PLAIN_TRANSCRIPT') return JSON.stringify(value);
  return JSON.stringify(value.map((/** @type {any} */ item) => ({ ...item, transcript_id: messageId })));
}
