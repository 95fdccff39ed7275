// @ts-check
/** What a person has begun to say in a conversation: it stays while they are elsewhere. */

import { newId } from '../ids.js';
import { signal } from '../ui.js';

/**
 * @typedef {object} Draft
 * @property {string} text
 * @property {import('../folding.js').Message | null} quoted the message that it answers
 * @property {string} messageId its own, so that a second try to send it is no second message
 *
 * @typedef {import('../ui.js').Signal<Draft>} DraftSignal
 * @typedef {{text?: string, quoted: Draft['quoted']}} Sent what has been sent, of a draft or beside it
 */

/** @type {Map<string, DraftSignal>} by person and conversation */
const drafts = new Map();

/**
 * @param {string} personId
 * @param {string} conversationId
 * @returns {DraftSignal}
 */
export function draftOf(personId, conversationId) {
  const key = `${personId} ${conversationId}`;
  const found = drafts.get(key) ?? signal({ text: '', quoted: null, messageId: newId() });
  drafts.set(key, found);
  return found;
}

/**
 * Change a draft: another text, or another quote, makes it another message.
 * @param {DraftSignal} draft
 * @param {{text?: string, quoted?: Draft['quoted']}} change
 */
export function redraft(draft, change) {
  const before = draft.peek();
  const after = { ...before, ...change };
  if (after.text === before.text && after.quoted === before.quoted) return;
  draft.value = { ...after, messageId: newId() };
}

/**
 * Take out of a draft what has been sent of it; what was begun since stays.
 * @param {DraftSignal} draft
 * @param {Sent} sent
 */
export function takeOut(draft, sent) {
  const { text, quoted } = draft.peek();
  redraft(draft, {
    text: text === sent.text ? '' : text,
    quoted: quoted === sent.quoted ? null : quoted,
  });
}
