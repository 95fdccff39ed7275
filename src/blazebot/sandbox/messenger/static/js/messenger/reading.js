// @ts-check
/** Marks what the person has seen as read, many messages at once. */

import { call } from '../api.js';
import { placeOf } from '../folding.js';

const TOGETHER_MS = 60;

/** @param {string} personId */
export function reader(personId) {
  /** @type {Set<string>} */
  const asked = new Set();
  /** @type {string[]} */
  let waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const send = async () => {
    const ids = waiting;
    waiting = [];
    timer = undefined;
    try {
      await call('POST', `/people/${personId}/read`, { message_ids: ids });
    } catch {
      for (const id of ids) asked.delete(id); // when the line is back they are seen again
    }
  };

  /**
   * Mark all up to a message read that others sent.
   * @param {readonly import('../folding.js').Message[]} messages in order
   * @param {number} seq
   */
  return (messages, seq) => {
    for (let index = placeOf(messages, seq + 1) - 1; index >= 0; index -= 1) {
      const message = messages[index];
      if (message.user_id === personId || message.status === 'READ' || asked.has(message.message_id)) continue;
      asked.add(message.message_id);
      waiting.push(message.message_id);
    }
    if (waiting.length && timer === undefined) timer = setTimeout(send, TOGETHER_MS);
  };
}
