// @ts-check
/** Keeps what is known up to date: follows the person of the address, and starts again when need be. */

import { ApiError, call } from './api.js';
import { follow } from './live.js';
import { messengerAddress, go, route } from './routes.js';
import { conversations, forget, loadConversation, loadConversations, loadUsers, people, takeIn } from './store.js';
import { computed, effect, signal, untracked } from './ui.js';

/** How the line to the sandbox is. @type {import('./ui.js').Signal<'connecting' | 'open' | 'lost' | 'refused'>} */
export const connection = signal('connecting');

const AGAIN_MS = 150;

const LAST_PERSON = 'blazebot.person';

/** Follow whoever the address names, from now on. */
export function startFollowing() {
  const personId = computed(() => route.value.person);
  effect(() => {
    const id = personId.value;
    return untracked(() => followPerson(id));
  });
  addEventListener('focus', () => void loadUsers().catch(ignoreUnreachable));
}

/** @param {string} personId '' for nobody: only people and bots are kept up to date */
function followPerson(personId) {
  forget();
  if (personId) localStorage.setItem(LAST_PERSON, personId);
  /** What comes while the conversations are loaded is folded into them after that. */
  let ready = Promise.resolve();
  const asker = askAgain(personId);
  const stop = follow(personId ? [personId] : [], null, {
    onState: showState,
    onSubscribed: (fresh) => {
      if (fresh) forget();
      ready = load(personId).catch(ignoreUnreachable);
    },
    onEvents: (events) => {
      ready = ready.then(() => {
        if (route.peek().person === personId) {
          asker.ask(takeIn(personId, events.map((one) => one.message)));
        }
      });
    },
    onRefused: () => go(messengerAddress(), { replace: true }), // the database knows no such person
  });
  return () => {
    stop();
    asker.stop();
  };
}

/** @param {'connecting' | 'open' | 'lost'} state */
function showState(state) {
  if (state !== 'lost') connection.value = state;
  else if (connection.peek() !== 'refused') {
    connection.value = 'lost';
    call('GET', '/health').catch((error) => { // a socket does not tell why
      if (error.status === 403 && connection.peek() === 'lost') connection.value = 'refused';
    });
  }
}

/** @param {string} personId */
async function load(personId) {
  await Promise.all([loadUsers(), personId ? loadConversations(personId) : undefined]);
  if (!personId && route.peek().place === 'messenger') {
    const last = localStorage.getItem(LAST_PERSON);
    const found = people.peek().find((one) => one.user_id === last) ?? people.peek()[0];
    if (found) go(messengerAddress(found.user_id), { replace: true });
  }
}

/**
 * Asks for conversations of which not all is known, some at a time.
 * @param {string} personId
 */
function askAgain(personId) {
  /** @type {Set<string>} */
  const wanted = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = async () => {
    const ids = [...wanted];
    wanted.clear();
    const load = async (/** @type {string} */ id) => {
      if (!(await loadConversation(personId, id))) wanted.add(id);
    };
    await Promise.all(ids.map(load)).catch(ignoreUnreachable);
    timer = undefined;
    if (wanted.size) timer = setTimeout(run, AGAIN_MS);
  };
  return {
    /** @param {Iterable<string>} ids */
    ask(ids) {
      for (const id of ids) wanted.add(id);
      // The first time at once: somebody waits for a new conversation.
      if (wanted.size && timer === undefined) timer = setTimeout(run, conversations.peek().size ? AGAIN_MS : 0);
    },
    stop: () => clearTimeout(timer),
  };
}

/** @param {unknown} error */
function ignoreUnreachable(error) {
  if (!(error instanceof ApiError)) throw error; // the line is lost too, and is tried again
}
