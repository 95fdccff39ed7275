// @ts-check
/** Who somebody is, by id or by identity number. */

import { t } from '../i18n.js';
import { bots, conversations, people } from '../store.js';
import { computed } from '../ui.js';

/** @typedef {import('../store.js').User} User */

/** Everybody by id: who was deleted is still in the conversations. */
const users = computed(() => {
  const seen = [...conversations.value.values()].flatMap((one) => one.participants);
  return new Map([...seen, ...people.value, ...bots.value].map((one) => [one.user_id, one]));
});

const byNumber = computed(() =>
  new Map([...users.value.values()].map((one) => [one.identity_number, one])));

/**
 * @param {string} userId
 * @returns {User | undefined}
 */
export const userOf = (userId) => users.value.get(userId.toLowerCase());

/**
 * @param {string} number an identity number, as mentions have it
 * @returns {User | undefined}
 */
export const userByNumber = (number) => byNumber.value.get(number);

/** Characters that turn the writing direction of what follows, too. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;

/** @param {string} name @returns {string} a name that can stand in a sentence */
export const inWords = (name) => name.replace(TURNING, '');

/**
 * @param {string} userId
 * @param {string} [viewerId] who is called "You"
 * @returns {string}
 */
export function nameOf(userId, viewerId) {
  if (userId === viewerId) return t('messages.you');
  return inWords(userOf(userId)?.full_name ?? '') || t('messages.somebody');
}
