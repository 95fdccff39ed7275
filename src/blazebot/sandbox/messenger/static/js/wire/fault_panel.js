// @ts-check
/** Switches for all that can go wrong, each with what it takes, and what is on now. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useState } from '../ui.js';
import { FaultSwitch } from './fault_switch.js';

const EVERY_MS = 1000;

/**
 * @typedef {{fault_id: number, kind: string, bot_id: string, left: number | null, struck: number,
 *   probability: number, only: string, seconds: number, code: number}} Fault
 * @typedef {{kind: string, occasions: string[], seconds: number | null, code: number | null}} FaultKind
 */

/** @param {{bots: {user_id: string, full_name: string}[]}} props */
export function FaultPanel({ bots }) {
  const [kinds, setKinds] = useState(/** @type {FaultKind[]} */ ([]));
  const [faults, refresh] = useFaults();
  const on = faults.filter((fault) => fault.left !== 0);

  useEffect(() => {
    attempt(async () => setKinds((await call('GET', '/fault-kinds')).kinds));
  }, []);

  /** @param {() => Promise<unknown>} act */
  const change = async (act) => {
    await attempt(act);
    refresh();
  };

  return html`
    <section class="faults" aria-label=${t('wire.faults')}>
      <div class="head">
        <h2>${t('wire.faults')}</h2>
        <span class="muted small" role="status">${t('wire.faults_on', { count: on.length })}</span>
        <button class="button" type="button" disabled=${!faults.length}
          onClick=${() => change(() => call('DELETE', '/faults'))}>${t('wire.clear_all')}</button>
      </div>
      <ul>
        ${kinds.map((kind) => html`
          <${FaultSwitch} key=${kind.kind} kind=${kind} bots=${bots} change=${change}
            faults=${faults.filter((fault) => fault.kind === kind.kind)} />`)}
      </ul>
    </section>`;
}

/** @returns {[Fault[], () => void]} what is on, looked at again and again, and how to look at once */
function useFaults() {
  const [faults, setFaults] = useState(/** @type {Fault[]} */ ([]));
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    let stopped = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const look = async () => {
      const answer = document.hidden ? null : await call('GET', '/faults').catch(() => null);
      if (stopped) return;
      if (answer) setFaults(answer.faults);
      timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [looks]);
  return [faults, () => setLooks((count) => count + 1)];
}
