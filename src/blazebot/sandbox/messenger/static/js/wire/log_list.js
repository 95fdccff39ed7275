// @ts-check
/** The list of entries: only those in sight are drawn. It sticks to its end, or stays where it is. */

import { number } from '../format.js';
import { t } from '../i18n.js';
import { html, useLayoutEffect, useRef, useState } from '../ui.js';

const ROW = 28;
const AHEAD = 8;

/**
 * @typedef {import('./rows.js').Row} Row
 * @param {object} props
 * @param {Row[]} props.rows in the order of their keys
 * @param {(id: string) => string} props.nameOf a bot's name
 * @param {number} props.selected key of the row that is shown whole, 0 for none
 * @param {(key: number) => void} props.select
 * @param {boolean} props.following
 * @param {(following: boolean) => void} props.setFollowing
 */
export function LogList({ rows, nameOf, selected, select, following, setFollowing }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const topKey = useRef(0);
  const [view, setView] = useState({ top: 0, height: 600 });

  const look = () => {
    const { scrollTop, clientHeight } = /** @type {HTMLElement} */ (element.current);
    topKey.current = rows[Math.floor(scrollTop / ROW)]?.key ?? 0;
    setView({ top: scrollTop, height: clientHeight });
  };
  const scrolled = () => {
    const { scrollTop, clientHeight, scrollHeight } = /** @type {HTMLElement} */ (element.current);
    setFollowing(scrollTop + clientHeight >= scrollHeight - ROW);
    look();
  };

  useLayoutEffect(() => {
    const list = /** @type {HTMLElement} */ (element.current);
    // Rows that went out of memory were above: what is in sight stays in sight.
    const shift = following ? list.scrollHeight : indexOf(rows, topKey.current) * ROW + (list.scrollTop % ROW);
    if (Math.abs(list.scrollTop - shift) >= ROW || following) list.scrollTop = shift;
    look();
  }, [rows, following]);

  useLayoutEffect(() => {
    const watch = new ResizeObserver(look);
    watch.observe(/** @type {HTMLElement} */ (element.current));
    return () => watch.disconnect();
  }, [rows]);

  /** @param {KeyboardEvent} event */
  const step = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -rows.length, End: rows.length };
    if (event.key === 'Escape' && selected) {
      event.preventDefault(); // it closes the entry, and not what is around
      select(0);
    }
    if (!(event.key in steps) || !rows.length) return;
    event.preventDefault();
    const from = selected ? indexOf(rows, selected) : rows.length;
    const to = Math.min(Math.max(from + steps[/** @type {keyof typeof steps} */ (event.key)], 0), rows.length - 1);
    const list = /** @type {HTMLElement} */ (element.current);
    if (to * ROW < list.scrollTop) list.scrollTop = to * ROW;
    if ((to + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (to + 1) * ROW - list.clientHeight;
    select(rows[to].key);
  };

  const first = Math.max(0, Math.floor(view.top / ROW) - AHEAD);
  const shown = rows.slice(first, Math.ceil((view.top + view.height) / ROW) + AHEAD);
  const active = shown.some((row) => row.key === selected) ? `wire-row-${selected}` : undefined;
  return html`
    <div class="rows" ref=${element} onScroll=${scrolled} onKeyDown=${step} tabindex="0" role="listbox"
      aria-label=${t('wire.log')} aria-activedescendant=${active}>
      <div style=${{ height: `${rows.length * ROW}px` }} role="presentation">
        <div style=${{ transform: `translateY(${first * ROW}px)` }} role="presentation">
          ${shown.map((row, index) => html`
            <${LogRow} key=${row.key} row=${row} place=${first + index + 1} size=${rows.length} nameOf=${nameOf}
              selected=${row.key === selected} select=${select} />`)}
        </div>
      </div>
    </div>`;
}

/**
 * @param {Row[]} rows in the order of their keys
 * @param {number} key
 * @returns {number} the place of the first row with at least this key
 */
function indexOf(rows, key) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const ARROWS = { in: '→', out: '←', '': '·' };

/** @param {{row: Row, place: number, size: number, nameOf: (id: string) => string, selected: boolean, select: (key: number) => void}} props */
const LogRow = ({ row, place, size, nameOf, selected, select }) => html`
  <div class=${`row ${row.kind} ${row.way} ${row.failed ? 'failed' : ''}`} id=${`wire-row-${row.key}`} role="option"
    aria-selected=${selected} aria-posinset=${place} aria-setsize=${size} onClick=${() => select(row.key)}>
    <time>${clock(row.at)}</time>
    <span class="bot">${nameOf(row.botId)}</span>
    <span class="way" aria-hidden="true">${ARROWS[row.way]}</span>
    ${row.way && html`<span class="visually-hidden">${t(`wire.way_${row.way}`)}</span>`}
    <span class="name">${row.name}</span>
    <span class="gist">${row.gist}</span>
    ${row.fault && html`<span class="fault">${row.fault}</span>`}
    <span class="since">${row.since === null ? '' : elapsed(row.since)}</span>
    <span class="size">${sizes(row)}</span>
  </div>`;

/** @param {number} at */
function clock(at) {
  const date = new Date(at);
  const two = (/** @type {number} */ part) => String(part).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/**
 * @param {number} ms
 * @returns {string} with a few digits, whatever it is
 */
export const elapsed = (ms) =>
  (ms < 1000 ? `${ms.toFixed(ms < 10 ? 2 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** @param {Row} row */
function sizes({ size, inflated }) {
  if (size === null) return '';
  return inflated === null ? `${number(size)} B` : `${number(size)} → ${number(inflated)} B`;
}
