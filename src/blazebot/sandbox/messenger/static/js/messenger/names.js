// @ts-check
/** Who somebody is, by their id. */

import { bots, people } from '../store.js';
import { computed } from '../ui.js';

const everybody = computed(() =>
  new Map([...people.value, ...bots.value].map((one) => [one.user_id, one])));

/**
 * @param {string} userId
 * @param {import('../folding.js').Conversation} [conversation] knows those who were deleted, too
 * @returns {import('../folding.js').User | undefined}
 */
export const userOf = (userId, conversation) =>
  conversation?.participants.find((one) => one.user_id === userId) ?? everybody.value.get(userId);

/**
 * @param {string} userId
 * @param {import('../folding.js').Conversation} [conversation]
 * @returns {string}
 */
export const nameOf = (userId, conversation) =>
  userOf(userId, conversation)?.full_name ?? userId.slice(0, 8);

/**
 * @param {import('../folding.js').Conversation} conversation
 * @param {string} personId
 * @returns {import('../folding.js').User | undefined} the other one of two
 */
export const otherOf = (conversation, personId) =>
  conversation.category === 'CONTACT'
    ? conversation.participants.find((one) => one.user_id !== personId)
    : undefined;
