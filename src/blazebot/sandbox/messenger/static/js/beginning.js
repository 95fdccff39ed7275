// @ts-check
/** Conversations of two: the one that there is with somebody, and how one begins. */

import { call } from './api.js';
import { t } from './i18n.js';
import { conversations } from './store.js';

/**
 * @param {string} userId
 * @returns {import('./store.js').Conversation | undefined} the person's conversation with this user
 */
export const conversationWith = (userId) =>
  [...conversations.value.values()].find((one) =>
    one.category === 'CONTACT' && one.participants.some((other) => other.user_id === userId));

/**
 * Begin a conversation: a bot is made a friend, a person is said hello to.
 * @param {string} personId
 * @param {import('./store.js').User} user
 * @returns {Promise<string>} its id
 */
export async function beginConversation(personId, user) {
  const begun = user.kind === 'bot'
    ? await call('POST', `/people/${personId}/friends`, { user_id: user.user_id })
    : await call('POST', `/people/${personId}/messages`, { recipient_id: user.user_id, text: t('messages.hello') });
  return begun.conversation_id;
}
