// @ts-check
/** A list of any length of which only what can be seen is drawn. */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../ui.js';
import { offsetsOf, rowAt } from './offsets.js';

const BEYOND = 600; // px above and below that are drawn as well
const NEAR = 1200; // px from the upper end at which older rows are asked for
const AT_END = 8; // px

/**
 * @typedef {{key: string, drifts?: boolean}} Row `drifts`: other rows may come to stand between it
 *   and the next one, so it says little of where the reader is
 *
 * What stays in its place while rows come, go and change their heights: the end of the list, or a
 * row, `shift` px of which lie above the upper edge.
 * @typedef {{key: string, shift: number} | null} Anchor null for the end
 *
 * @typedef {object} Controls
 * @property {() => void} toEnd
 * @property {(key: string) => void} toRow show a row, a third of the height from above
 * @property {(key: string) => void} focus show a row and give it the focus
 */

/**
 * @param {object} props
 * @param {readonly Row[]} props.rows
 * @param {number} props.estimate px, a row's likely height
 * @param {(row: any, index: number) => any} props.draw
 * @param {{current: Controls | null}} props.controls
 * @param {string} [props.startAt] key of the row that is shown first; else the end is
 * @param {(first: number, last: number, atEnd: boolean) => void} props.onSeen told which rows can be seen
 * @param {() => void} props.onNearTop
 * @param {(event: KeyboardEvent) => void} [props.onKeyDown]
 * @param {string} props.label
 */
export function VirtualList({ rows, estimate, draw, controls, startAt, onSeen, onNearTop, onKeyDown, label }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drawn = useRef(/** @type {HTMLDivElement | null} */ (null));
  const heights = useMemo(() => /** @type {Map<string, number>} */ (new Map()), []);
  const anchor = useRef(/** @type {Anchor} */ (startAt ? { key: startAt, shift: -72 } : null));
  const placed = useRef(0); // where the upper edge was last
  const focused = useRef('');
  const [height, setHeight] = useState(0);
  const [measured, setMeasured] = useState(0);
  const [, setRange] = useState('');

  const indexes = useMemo(() => new Map(rows.map((row, index) => [row.key, index])), [rows]);
  const offsets = useMemo(() => offsetsOf(rows, heights, estimate), [rows, measured]);
  const total = offsets[rows.length];
  const top = topOf(anchor.current, indexes, offsets, height, placed.current);
  const [first, last] = rangeOf(offsets, top, height);
  const latest = useRef(/** @type {any} */ (null));
  latest.current = { rows, offsets, total, height, indexes };

  const measure = () => {
    let changed = false;
    for (const element of /** @type {HTMLCollectionOf<HTMLElement>} */ (drawn.current?.children ?? [])) {
      const { key = '' } = element.dataset;
      const now = element.getBoundingClientRect().height;
      if (heights.get(key) !== now) {
        heights.set(key, now);
        changed = true;
      }
    }
    if (changed) setMeasured((times) => times + 1);
    return changed;
  };

  const observer = useMemo(() => new ResizeObserver(measure), []);
  const observed = useMemo(() => new WeakSet(), []);

  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    let width = element.clientWidth;
    const watcher = new ResizeObserver(() => {
      if (element.clientWidth !== width) heights.clear();
      width = element.clientWidth;
      setHeight(element.clientHeight);
      measure();
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      observer.disconnect();
    };
  }, []);

  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (box.current);
    if (element.clientHeight !== height) setHeight(element.clientHeight);
    if (Math.abs(element.scrollTop - top) >= 1) element.scrollTop = top;
    placed.current = top;
    for (const child of drawn.current?.children ?? []) {
      if (!observed.has(child)) observer.observe(child);
      observed.add(child);
    }
    // Whoever sees the end stays there as more comes.
    if (!measure() && height && top + height >= total - AT_END) anchor.current = null;
    if (focused.current) {
      const row = drawn.current?.querySelector(`[data-key="${CSS.escape(focused.current)}"]`);
      if (row) focused.current = '';
      /** @type {HTMLElement | null | undefined} */ (row)?.focus({ preventScroll: true });
    }
    if (height && rows.length) {
      onSeen(rowAt(offsets, top), rowAt(offsets, top + height - 1), anchor.current === null);
      if (top < NEAR) onNearTop();
    }
  });

  const redraw = () => setMeasured((times) => times + 1);

  controls.current = {
    toEnd: () => {
      anchor.current = null;
      redraw();
    },
    toRow: (key) => {
      anchor.current = { key, shift: -height / 3 };
      redraw();
    },
    focus: (key) => {
      const index = indexes.get(key);
      if (index === undefined) return;
      focused.current = key;
      if (offsets[index] < top) anchor.current = { key, shift: 0 };
      else if (offsets[index + 1] > top + height) {
        anchor.current = { key, shift: offsets[index + 1] - offsets[index] - height };
      }
      redraw();
    },
  };

  const onScroll = () => {
    const now = latest.current;
    const at = /** @type {HTMLDivElement} */ (box.current).scrollTop;
    if (Math.abs(at - placed.current) < 1) return;
    placed.current = at;
    anchor.current = anchorAt(at, now);
    setRange(rangeOf(now.offsets, at, now.height).join());
    const atEnd = anchor.current === null;
    if (now.rows.length) {
      onSeen(rowAt(now.offsets, at), rowAt(now.offsets, at + now.height - 1), atEnd);
      if (at < NEAR) onNearTop();
    }
  };

  return html`
    <div class="virtual" ref=${box} onScroll=${onScroll} onKeyDown=${onKeyDown} tabindex="0" role="list" aria-label=${label}>
      <div class="whole" role="presentation" style=${{ height: `${Math.max(total, height)}px` }}>
        <div class="drawn" role="presentation" ref=${drawn}
          style=${{ transform: `translateY(${offsets[first] + Math.max(0, height - total)}px)` }}>
          ${rows.slice(first, last + 1).map((row, index) => html`
            <div key=${row.key} data-key=${row.key} role="listitem" tabindex="-1"
              aria-setsize=${rows.length} aria-posinset=${first + index + 1}>${draw(row, first + index)}</div>`)}
        </div>
      </div>
    </div>`;
}

/**
 * @param {Anchor} anchor
 * @param {ReadonlyMap<string, number>} indexes
 * @param {Float64Array} offsets
 * @param {number} height
 * @param {number} placed where it was, if the row is gone
 */
function topOf(anchor, indexes, offsets, height, placed) {
  const most = Math.max(0, offsets[offsets.length - 1] - height);
  if (!anchor) return most;
  const index = indexes.get(anchor.key);
  return Math.min(Math.max(0, index === undefined ? placed : offsets[index] + anchor.shift), most);
}

/**
 * @param {number} top
 * @param {{rows: readonly Row[], offsets: Float64Array, total: number, height: number}} list
 * @returns {Anchor}
 */
function anchorAt(top, { rows, offsets, total, height }) {
  if (top + height >= total - AT_END || !rows.length) return null;
  let index = rowAt(offsets, top);
  while (rows[index].drifts && index + 1 < rows.length) index += 1;
  return { key: rows[index].key, shift: top - offsets[index] };
}

/**
 * @param {Float64Array} offsets
 * @param {number} top
 * @param {number} height
 */
const rangeOf = (offsets, top, height) => [rowAt(offsets, top - BEYOND), rowAt(offsets, top + height + BEYOND)];
