// @ts-check
/** Short words that go away by themselves. */

import { ApiError } from './api.js';
import { t } from './i18n.js';
import { html, signal } from './ui.js';

const SHOWN_MS = 5000;

/** @type {import('./ui.js').Signal<{id: number, text: string}[]>} */
const toasts = signal([]);
let newest = 0;

/**
 * Show words for some seconds; words that are shown already are shown anew, once.
 * @param {string} text
 */
export function toast(text) {
  const id = ++newest;
  toasts.value = [...toasts.value.filter((one) => one.text !== text), { id, text }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((one) => one.id !== id);
  }, SHOWN_MS);
}

/**
 * Do something, and show in a toast why it failed if it does.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T | undefined>}
 */
export async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.status === 0 ? t('shell.unreachable') : error.message);
    return undefined;
  }
}

/** All toasts that are there now. */
export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(({ id, text }) => html`<p key=${id}>${text}</p>`)}
  </div>`;
