// @ts-check
/** The triangle that says: play; or two bars for: pause. */

import { html } from '../ui.js';

/** @param {{playing?: boolean}} props */
export const PlaySign = ({ playing = false }) => html`
  <svg width="20" height="20" viewBox="0 0 24 24" fill="currentColor" aria-hidden="true">
    <path d=${playing ? 'M7 5h4v14H7zM13 5h4v14h-4z' : 'M8 5l11 7-11 7z'} /></svg>`;
