// @ts-check
/** Somebody's picture, or else a coloured sign made of their name. */

import { html } from './ui.js';

const COLOURS = ['#8a5200', '#1f7a4d', '#2160d8', '#7a3fc4', '#b3266e', '#0d7280', '#a3361f', '#4d6a12'];

/** @param {string} id */
const colourOf = (id) => COLOURS[parseInt(id.slice(0, 8), 16) % COLOURS.length || 0];

/** @param {{id: string, name: string, bot?: boolean, small?: boolean, url?: string}} props */
export function Avatar({ id, name, bot = false, small = false, url = '' }) {
  const look = `avatar ${bot ? 'bot' : ''} ${small ? 'small' : ''}`;
  if (url) return html`<img class=${look} src=${url} alt="" />`;
  return html`
    <span class=${look} aria-hidden="true" style=${{ background: colourOf(id) }}>
      ${[...name.trim()][0]?.toUpperCase() ?? '?'}</span>`;
}
