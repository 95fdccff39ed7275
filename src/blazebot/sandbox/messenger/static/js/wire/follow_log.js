// @ts-check
/** Reads the wire log as it grows, over restarts of the sandbox. */

import { stream } from '../api.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 3000;

/**
 * @typedef {object} Cursor how far the log was read
 * @property {string} run the run of the sandbox, in each of which entries count from 1; '' for none
 * @property {number} after the number of the last one of this run that is known, 0 for none
 *
 * @typedef {object} Query which entries
 * @property {number} newest how many of those that are there already
 * @property {string} containing the text that all must contain, or ''
 */

/**
 * Read entries until the function that is returned is called. While nobody sees the page nothing is
 * read, so that a page in the background holds no connection; it goes on from where it was.
 * @param {Cursor} cursor where to begin; it is moved on with each entry
 * @param {Query} query
 * @param {(entry: any, raw: string) => void} onEntry told each entry, and the JSON that it came as
 * @returns {() => void}
 */
export function followLog(cursor, { newest, containing }, onEntry) {
  let wait = FIRST_WAIT_MS;
  let aborter = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const read = async () => {
    clearTimeout(timer);
    aborter.abort();
    if (document.hidden) return;
    aborter = new AbortController();
    const { signal } = aborter;
    const { run, after } = cursor;
    const query = new URLSearchParams({ run, after: `${after}`, newest: `${newest}`, containing, follow: 'true' });
    try {
      const { body, headers } = await stream(`/log?${query}`, signal);
      wait = FIRST_WAIT_MS;
      const current = headers.get('Log-Run') ?? '';
      if (current !== run) Object.assign(cursor, { run: current, after: 0 });
      for await (const line of linesOf(/** @type {ReadableStream} */ (body))) {
        const entry = JSON.parse(line);
        cursor.after = entry.number;
        onEntry(entry, line);
      }
    } catch (error) {
      if (signal.aborted) return; // else the sandbox is gone for a while
    }
    timer = setTimeout(read, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };

  document.addEventListener('visibilitychange', read);
  read();
  return () => {
    document.removeEventListener('visibilitychange', read);
    clearTimeout(timer);
    aborter.abort();
  };
}

/** @param {ReadableStream<Uint8Array>} body */
async function* linesOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (held + decoder.decode(value, { stream: true })).split('\n');
    held = lines.pop() ?? '';
    yield* lines;
  }
}
