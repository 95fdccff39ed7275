// @ts-check
/** What Escape closes: what was opened last. */

import { useLayoutEffect } from '../ui.js';

/** @type {(() => void)[]} how to close what is open, in the order of opening */
const closers = [];

/**
 * Let Escape close a component, or a part of it.
 * @param {() => void} close
 * @param {boolean} [open] whether there is something to close
 */
export function useEscape(close, open = true) {
  useLayoutEffect(() => {
    if (!open) return undefined;
    closers.push(close);
    return () => {
      closers.splice(closers.indexOf(close), 1);
    };
  }, [open]);
}

/**
 * @param {KeyboardEvent} event
 * @param {() => void} [otherwise] done if nothing is open
 */
export function onEscape(event, otherwise) {
  if (event.key === 'Escape' && !event.defaultPrevented) (closers.at(-1) ?? otherwise)?.();
}
