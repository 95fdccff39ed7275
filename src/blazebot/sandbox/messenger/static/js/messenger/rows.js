// @ts-check
/** The rows of a conversation: messages, days between them, and where the new ones begin. Pure. */

import { dayOf } from '../format.js';

/**
 * @typedef {import('../folding.js').Message} Message
 * @typedef {{key: string, kind: 'day', day: number, drifts: true}} DayRow
 * @typedef {{key: string, kind: 'new', drifts: true}} NewRow
 * @typedef {{key: string, kind: 'message', message: Message, leads: boolean}} MessageRow `leads`: it
 *   is the first of several in a row by one sender
 * @typedef {{key: string, kind: 'line', message: Message}} LineRow what happened, said by nobody
 * @typedef {DayRow | NewRow | MessageRow | LineRow} Row
 */

const TOGETHER_MS = 5 * 60_000;
const LINES = new Set(['SYSTEM_CONVERSATION', 'MESSAGE_PIN']);

/** @param {Message} message whether it is what happened, said by nobody */
export const isLine = (message) => LINES.has(message.category);

/** @type {WeakMap<Message, {day: number, time: number, rows: [MessageRow | LineRow, MessageRow | LineRow]}>} */
const known = new WeakMap(); // a message is never changed: another one takes its place

/** @param {Message} message */
function factsOf(message) {
  const found = known.get(message);
  if (found) return found;
  const key = message.message_id;
  /** @type {(leads: boolean) => MessageRow | LineRow} */
  const row = isLine(message)
    ? () => ({ key, kind: 'line', message })
    : (leads) => ({ key, kind: 'message', message, leads });
  const facts = {
    day: dayOf(message.created_at),
    time: Date.parse(message.created_at),
    rows: /** @type {[MessageRow | LineRow, MessageRow | LineRow]} */ ([row(false), row(true)]),
  };
  known.set(message, facts);
  return facts;
}

/** @param {Message} message whether it is shown: what was recalled says so itself */
export const isShown = (message) => message.category !== 'MESSAGE_RECALL' && !message.disappeared;

/**
 * @param {readonly Message[]} messages in order
 * @param {number | null} newFrom the seq of the first new message
 * @returns {Row[]}
 */
export function rowsOf(messages, newFrom) {
  /** @type {Row[]} */
  const rows = [];
  let day = 0;
  let sender = '';
  let time = 0;
  for (const message of messages) {
    if (!isShown(message)) continue;
    const facts = factsOf(message);
    if (facts.day !== day) {
      rows.push({ key: `day ${facts.day}`, kind: 'day', day: facts.day, drifts: true });
      sender = '';
    }
    if (message.seq === newFrom) {
      rows.push({ key: 'new', kind: 'new', drifts: true });
      sender = '';
    }
    const leads = message.user_id !== sender || facts.time - time > TOGETHER_MS;
    const row = facts.rows[Number(leads)];
    rows.push(row);
    ({ day, time } = facts);
    sender = row.kind === 'line' ? '' : message.user_id;
  }
  return rows;
}

/**
 * @param {readonly Message[]} messages in order
 * @param {string} personId
 * @returns {number | null} the seq of the first message that the person has not read
 */
export const firstUnread = (messages, personId) =>
  messages.find((one) =>
    one.user_id !== personId && one.status !== 'READ' && isShown(one) && !isLine(one))?.seq ?? null;
