// @ts-check
/** What is known of the sandbox, for the person that the address names. */

import { call } from './api.js';
import { NOTHING, foldConversation, foldMessages, foldPage } from './folding.js';
import { route } from './routes.js';
import { batch, computed, signal } from './ui.js';

/**
 * @typedef {import('./folding.js').Message} Message
 * @typedef {import('./folding.js').Conversation} Conversation
 * @typedef {import('./folding.js').History} History
 * @typedef {import('./folding.js').User} User
 */

const PAGE = 200;
const PAGE_MOST = 1000;
const LOADED_MOST = 10_000; // at a time; as many are marked read at a time

/** All people; @type {import('./ui.js').Signal<User[]>} */
export const people = signal([]);

/** All bots, as they were when it was last asked; @type {import('./ui.js').Signal<any[]>} */
export const bots = signal([]);

/** Who uses this tab, undefined if nobody does. */
export const person = computed(() =>
  people.value.find((one) => one.user_id === route.value.person));

/** The person's conversations by id; @type {import('./ui.js').Signal<Map<string, Conversation>>} */
export const conversations = signal(new Map());

/** Whether the conversations have been loaded. */
export const loaded = signal(false);

/** @type {Map<string, import('./ui.js').Signal<History>>} */
const histories = new Map();

/** @type {Map<string, Promise<void>>} by conversation: only one page is on its way at a time */
const loading = new Map();

/** @type {Map<string, Message[]>} by conversation: what changed while a page is on its way */
const meanwhile = new Map();

/** @type {Map<string, readonly Message[]>} by conversation: what changed last */
const latest = new Map();

/**
 * @param {string} conversationId
 * @returns {import('./ui.js').Signal<History>} what is known of a conversation's messages
 */
export function historyOf(conversationId) {
  const found = histories.get(conversationId) ?? signal(NOTHING);
  histories.set(conversationId, found);
  return found;
}

/** @param {string} personId */
const personPath = (personId) => `/people/${personId}`;

/**
 * @param {Conversation} conversation
 * @param {string} personId
 * @returns {User | undefined} the other one of two
 */
export const otherOf = (conversation, personId) =>
  conversation.category === 'CONTACT'
    ? conversation.participants.find((one) => one.user_id !== personId)
    : undefined;

/** Ask who there is. */
export async function loadUsers() {
  const [shown, running] = await Promise.all([call('GET', '/people'), call('GET', '/bots')]);
  batch(() => {
    people.value = shown.people;
    bots.value = running.bots;
  });
}

/**
 * Ask for a person's conversations.
 * @param {string} personId
 */
export async function loadConversations(personId) {
  const answer = await call('GET', `${personPath(personId)}/conversations`);
  if (route.peek().person !== personId) return;
  batch(() => {
    conversations.value = new Map(
      answer.conversations.map((/** @type {Conversation} */ one) => [one.conversation_id, one]));
    loaded.value = true;
  });
}

/**
 * Ask for one conversation, or forget it if the person is in it no more.
 * @param {string} personId
 * @param {string} conversationId
 * @returns {Promise<boolean>} whether that is all: what changed on the answer's way may not be in it
 */
export async function loadConversation(personId, conversationId) {
  const before = latest.get(conversationId);
  const found = await call('GET', `${personPath(personId)}/conversations/${conversationId}`)
    .catch((error) => {
      if (error.status === 403 || error.status === 404) return null;
      throw error;
    });
  if (route.peek().person !== personId) return true;
  const changed = new Map(conversations.peek());
  if (found) changed.set(conversationId, found);
  else changed.delete(conversationId);
  conversations.value = changed;
  return latest.get(conversationId) === before;
}

/**
 * Load older messages of a conversation, or its newest if none are known.
 * @param {string} personId
 * @param {string} conversationId
 * @param {number} [limit]
 */
export function loadOlder(personId, conversationId, limit = PAGE) {
  const running = loading.get(conversationId);
  if (running) return running;
  const load = async () => {
    const history = historyOf(conversationId);
    const path = `${personPath(personId)}/conversations/${conversationId}/messages`;
    /** @type {Message[][]} */
    const pages = [];
    let first = history.peek().messages[0]?.seq;
    for (let left = Math.min(limit, LOADED_MOST); left > 0 && pages.at(-1)?.length !== 0; left -= PAGE_MOST) {
      const before = first === undefined ? '' : `&before=${first}`;
      const page = await call('GET', `${path}?limit=${Math.min(left, PAGE_MOST)}${before}`);
      if (loading.get(conversationId) !== task) return; // forgotten since
      pages.push(page.messages);
      first = page.messages[0]?.seq ?? first;
    }
    done(); // whoever sees the pages may want the next one
    // The pages may be older than what came before them.
    history.value = foldMessages(pages.reduce(foldPage, history.peek()), news);
  };
  /** @type {Message[]} */
  const news = [];
  const done = () => {
    loading.delete(conversationId);
    meanwhile.delete(conversationId);
  };
  meanwhile.set(conversationId, news);
  const task = load().catch((error) => {
    if (loading.get(conversationId) === task) done();
    throw error;
  });
  loading.set(conversationId, task);
  return task;
}

/**
 * Load a conversation back to a message, so that it can be shown.
 * @param {string} personId
 * @param {string} conversationId
 * @param {number} seq
 */
export async function loadBackTo(personId, conversationId, seq) {
  const history = historyOf(conversationId);
  while (!history.peek().complete && !(history.peek().messages[0]?.seq <= seq)) {
    await loadOlder(personId, conversationId, PAGE_MOST);
  }
}

/**
 * Take in what the person sees.
 * @param {string} personId
 * @param {readonly Message[]} news in the order of changes
 * @returns {string[]} conversations that are to be asked for, because more of them has changed
 */
export function takeIn(personId, news) {
  /** @type {Map<string, Message[]>} */
  const byConversation = new Map();
  for (const message of news) {
    const some = byConversation.get(message.conversation_id) ?? [];
    byConversation.set(message.conversation_id, some);
    some.push(message);
  }
  const changed = new Map(conversations.peek());
  /** @type {string[]} */
  const uncertain = [];
  batch(() => {
    for (const [id, messages] of byConversation) {
      const history = historyOf(id);
      const known = changed.get(id);
      if (known) {
        const folded = foldConversation(known, messages, personId, (messageId) =>
          history.peek().messages.findLast((one) => one.message_id === messageId));
        changed.set(id, folded.conversation);
        if (!folded.certain) uncertain.push(id);
      } else {
        uncertain.push(id);
      }
      meanwhile.get(id)?.push(...messages);
      latest.set(id, messages);
      history.value = foldMessages(history.peek(), messages);
    }
    conversations.value = changed;
  });
  return uncertain;
}

/** Forget all that one person saw, before another one is shown. */
export function forget() {
  batch(() => {
    conversations.value = new Map();
    loaded.value = false;
    for (const history of histories.values()) history.value = NOTHING;
    histories.clear();
    loading.clear();
    meanwhile.clear();
    latest.clear();
  });
}
