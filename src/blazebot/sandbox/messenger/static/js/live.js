// @ts-check
/** The control API's socket: what people see, as it happens, over restarts of the sandbox. */

import { addressOf } from './api.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 3000;

/**
 * @typedef {{cursor: number, person_id: string, message: any}} Sighting
 * @typedef {object} Follower
 * @property {(state: 'connecting' | 'open' | 'lost') => void} onState
 * @property {(events: Sighting[]) => void} onEvents in the order of changes; again what changes again
 * @property {(fresh: boolean) => void} onSubscribed on each new line; `fresh`: what was known is not
 *   continued, because it is the first or the sandbox has another database
 * @property {(error: any) => void} onRefused these people cannot be followed; it is not tried again
 */

/**
 * Follow what people see until the function that is returned is called.
 * @param {string[]} personIds
 * @param {number | null} after a cursor, or null for: from now on
 * @param {Follower} follower
 * @returns {() => void}
 */
export function follow(personIds, after, follower) {
  let cursor = after;
  let wait = FIRST_WAIT_MS;
  let stopped = false;
  /** @type {WebSocket} */
  let socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const connect = () => {
    const address = addressOf('/socket');
    address.protocol = address.protocol.replace('http', 'ws');
    socket = new WebSocket(address);
    socket.onopen = () => {
      socket.send(JSON.stringify({ id: 1, op: 'subscribe', people: personIds, after: cursor }));
    };
    socket.onmessage = ({ data }) => read(JSON.parse(data));
    socket.onclose = () => {
      if (stopped) return;
      follower.onState('lost');
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    removeEventListener('online', hurry);
    socket.close();
  };

  /** @param {any} frame */
  const read = (frame) => {
    if (stopped) return;
    if (frame.error) {
      stop();
      follower.onRefused(frame.error);
    } else if (frame.data) {
      wait = FIRST_WAIT_MS;
      const fresh = cursor === null || frame.data.cursor < cursor;
      cursor = frame.data.cursor;
      follower.onState('open');
      follower.onSubscribed(fresh);
    } else {
      cursor = frame.cursor;
      if (frame.events.length) follower.onEvents(frame.events);
    }
  };

  const hurry = () => {
    if (socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    connect();
  };

  addEventListener('online', hurry);
  follower.onState('connecting');
  connect();
  return stop;
}
