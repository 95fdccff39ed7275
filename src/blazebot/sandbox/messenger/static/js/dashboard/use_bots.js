// @ts-check
/** Bots as they are now, looked at again and again while somebody sees them. */

import { call } from '../api.js';
import { bots } from '../store.js';
import { useEffect, useRef, useState } from '../ui.js';
import { nextRates } from './rates.js';

const EVERY_MS = 1000;

/**
 * @typedef {{user_id: string, full_name: string, identity_number: string, avatar_url: string,
 *   session_id: string, connected: boolean, pending: number, unacknowledged: number,
 *   quota_used: number, quota: number, sent: number, pushed: number}} Bot
 * @typedef {import('./rates.js').Rate} Rate
 */

/** @returns {{bots: Bot[] | null, rates: Map<string, Rate[]>, refresh: () => void}} null: not known yet */
export function useBots() {
  const [known, setKnown] = useState(false);
  const rates = useRef(/** @type {Map<string, Rate[]>} */ (new Map()));
  const refresh = useRef(() => {});

  useEffect(() => {
    let stopped = false;
    let looks = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const look = async () => {
      const turn = ++looks;
      clearTimeout(timer);
      if (!document.hidden) {
        const answer = await call('GET', '/bots').catch(() => null); // it is asked again soon
        if (stopped || turn !== looks) return; // a later look knows better
        if (answer) {
          rates.current = nextRates(rates.current, answer.bots, performance.now());
          bots.value = answer.bots;
          setKnown(true);
        }
      }
      timer = setTimeout(look, EVERY_MS);
    };
    refresh.current = look;
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, []);

  return { bots: known ? bots.value : null, rates: rates.current, refresh: () => refresh.current() };
}
