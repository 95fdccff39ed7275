// @ts-check
/** A message in a few words, for lists and quotes. */

import { t } from '../i18n.js';
import { parts } from './addresses.js';
import { readContent } from './content.js';
import { inWords, nameOf, userByNumber } from './names.js';
import { changeWords, pinWords } from './system.js';

const MOST = 200;

/** @type {Record<string, (value: any) => string>} what is added to the kind's name */
const DETAILS = {
  audio: () => '',
  buttons: (value) => value.map((/** @type {any} */ one) => one.label).join(' · '),
  card: (value) => value.title,
  contact: (value) => nameOf(value.user_id),
  file: (value) => value.name,
  location: (value) => value.name,
  transfer: (value) => value.amount,
};

/**
 * @param {import('../store.js').Message} message
 * @param {string} [viewerId] who is called "You"
 * @returns {string} one line
 */
export function summary(message, viewerId = '') {
  if (message.disappeared) return t('messages.disappeared');
  const { kind, value } = readContent(message);
  if (kind === 'text') return line(withNames(value.slice(0, 2 * MOST)));
  if (kind === 'post') return line(withoutMarks(value.slice(0, 2 * MOST)));
  if (kind === 'system') return changeWords(value, viewerId);
  if (kind === 'pin') return pinWords(value, message, viewerId);
  if (kind === 'recall' || kind === 'recalled') return t('messages.recalled');
  if (kind === 'undecryptable') return t('messages.undecryptable');
  return line(`[${t(`messages.kind_${kind}`)}] ${DETAILS[kind]?.(value) ?? ''}`);
}

/** @param {string} text */
const line = (text) => text.replace(/\s+/g, ' ').trim().slice(0, MOST);

/** @param {string} text Markdown */
const withoutMarks = (text) => text.replace(/[*_`~]+/g, '').replace(/[#>|]+|-{3,}/g, ' ');

/** @param {string} text */
const withNames = (text) =>
  parts(text).map((part) => (part.kind === 'mention' ? mentionWords(part.text) : part.text)).join('');

/**
 * @param {string} mention `@` and an identity number
 * @returns {string} `@` and the name, where somebody has this number
 */
export function mentionWords(mention) {
  const user = userByNumber(mention.slice(1));
  return user ? `@${inWords(user.full_name)}` : mention;
}
