// @ts-check
/** Light or dark: the system's, or as chosen. */

import { signal } from './ui.js';

const CHOICE = 'blazebot.theme';

/** 'light', 'dark', or '' for the system's. */
export const theme = signal(localStorage.getItem(CHOICE) ?? '');

/** Show the page in the theme. */
export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
}

/** Turn from light to dark or back, and remember it. */
export function switchTheme() {
  const dark = theme.value || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  theme.value = dark === 'dark' ? 'light' : 'dark';
  localStorage.setItem(CHOICE, theme.value);
  applyTheme();
}
