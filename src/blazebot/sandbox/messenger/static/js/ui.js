// @ts-check
/** What components are made of, from the libraries in `vendor/`, which have no types of their own. */

import { h } from '../vendor/preact.js';
import * as hooks from '../vendor/preact_hooks.js';
import * as signals from '../vendor/signals.js';
import htm from '../vendor/htm.js';

export { Component, Fragment, createContext, createRef, render } from '../vendor/preact.js';
export { useContext, useEffect, useErrorBoundary, useId, useLayoutEffect } from '../vendor/preact_hooks.js';
export { batch, effect, useSignalEffect } from '../vendor/signals.js';

/** Markup: html`<p class="x">${text}</p>`. What is put in is text, never markup. */
export const html = htm.bind(h);

/**
 * A value that redraws what has read it when it changes.
 * @template T
 * @typedef {{value: T, peek: () => T}} Signal `peek` reads it without being redrawn
 */

export const signal = /** @type {<T>(value: T) => Signal<T>} */ (signals.signal);
export const computed =
  /** @type {<T>(compute: () => T) => Signal<T>} */ (/** @type {unknown} */ (signals.computed));
export const untracked = /** @type {<T>(read: () => T) => T} */ (signals.untracked);

export const useState =
  /** @type {<T>(first: T | (() => T)) => [T, (next: T | ((now: T) => T)) => void]} */ (hooks.useState);
export const useRef = /** @type {<T>(first: T) => {current: T}} */ (hooks.useRef);
export const useMemo = /** @type {<T>(make: () => T, inputs: readonly unknown[]) => T} */ (hooks.useMemo);
