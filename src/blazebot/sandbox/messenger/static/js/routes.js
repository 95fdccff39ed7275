// @ts-check
/** What the address shows: a place, and in the Messenger a person and a conversation. */

import { signal } from './ui.js';

/** @typedef {{place: 'messenger' | 'dashboard' | 'wire', person: string, conversation: string}} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
function readRoute(hash) {
  const [place = '', person = '', conversation = ''] = hash.replace(/^#\/?/, '').split('/');
  if (place === 'dashboard' || place === 'wire') return { place, person: '', conversation: '' };
  return { place: 'messenger', person, conversation };
}

/**
 * @param {string} [person]
 * @param {string} [conversation]
 * @returns {string} the address of a person's Messenger, or of a conversation in it
 */
export const messengerAddress = (person = '', conversation = '') =>
  `#/${['messenger', person, conversation].filter(Boolean).join('/')}`;

/** The address as it is now. */
export const route = signal(readRoute(location.hash));

addEventListener('hashchange', () => {
  route.value = readRoute(location.hash);
});

/**
 * Go to an address of this page.
 * @param {string} address beginning with `#/`
 * @param {{replace?: boolean}} [options] `replace`: the one before is not gone back to
 */
export function go(address, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  route.value = readRoute(address);
}

addEventListener('popstate', () => {
  route.value = readRoute(location.hash);
});
