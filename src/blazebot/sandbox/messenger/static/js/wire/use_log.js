// @ts-check
/** The newest entries of the wire log, as they come. */

import { useEffect, useRef, useState } from '../ui.js';
import { followLog } from './follow_log.js';
import { newestOf, rowReader } from './rows.js';

const MOST = 5000;
const CHARACTERS_MOST = 16 * 1024 * 1024;
const SHOWN_EVERY_MS = 150;

/** @typedef {import('./rows.js').Row} Row */

const fromBeginning = () => ({ readRow: rowReader(), cursor: { run: '', after: 0 } });

/**
 * @param {string} containing the text that all must contain, or ''
 * @param {boolean} paused nothing is read
 * @returns {{rows: Row[], clear: () => void}}
 */
export function useLog(containing, paused) {
  const [rows, setRows] = useState(/** @type {Row[]} */ ([]));
  const reading = useRef(fromBeginning());

  useEffect(() => {
    reading.current = fromBeginning();
    setRows([]);
  }, [containing]);

  useEffect(() => {
    if (paused) return undefined;
    /** @type {Row[]} */
    let fresh = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const show = () => {
      timer = undefined;
      const added = fresh;
      fresh = [];
      setRows((known) => newestOf([...known, ...added], MOST, CHARACTERS_MOST));
    };
    const { readRow, cursor } = reading.current;
    const stop = followLog(cursor, { newest: MOST, containing }, (entry, raw) => {
      fresh.push(readRow(entry, raw));
      if (fresh.length > MOST) fresh = newestOf(fresh, MOST, CHARACTERS_MOST);
      timer ??= setTimeout(show, SHOWN_EVERY_MS); // drawing each by itself would take all the time
    });
    return () => {
      stop();
      clearTimeout(timer);
      if (fresh.length) show();
    };
  }, [containing, paused]);

  return { rows, clear: () => setRows([]) };
}
