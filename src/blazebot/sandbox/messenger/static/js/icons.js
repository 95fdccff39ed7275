// @ts-check
/** Line icons, 20 px wide, in the colour of the text. */

import { html } from './ui.js';

/** @type {Record<string, string>} paths on a field of 24 by 24 */
const PATHS = {
  add: 'M12 5v14M5 12h14',
  attach: 'M20 11.5 12 19.5a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.9 17a1.7 1.7 0 0 1-2.4-2.4l7.5-7.4',
  back: 'M15 5l-7 7 7 7',
  bot: 'M6 9h12a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-6a2 2 0 0 1 2-2zM12 9V5M9 13v2M15 13v2',
  chat: 'M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z',
  close: 'M6 6l12 12M18 6 6 18',
  compose: 'M4 6h10M4 12h7M4 18h5M14 18l6-6-2-2-6 6v2z',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  dashboard: 'M4 5h7v6H4zM13 5h7v4h-7zM13 11h7v8h-7zM4 13h7v6H4z',
  dots: 'M12 6v.01M12 12v.01M12 18v.01',
  down: 'M6 9l6 6 6-6',
  frames: 'M8 6 3 12l5 6M16 6l5 6-5 6M13.5 5l-3 14',
  info: 'M12 11v5M12 8v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  mute: 'M6 9v6h3l5 4V5L9 9zM18 9l4 6M22 9l-4 6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-3.3 2.700-6 6-6s6 2.700 6 6M16 4.500a3.500 3.500 0 0 1 0 6M18 14.500c1.800.9 3 2.800 3 5.500',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6',
  recall: 'M9 14 4 9l5-5M4 9h9a6 6 0 0 1 0 12h-2',
  reply: 'M10 8V4l-7 7 7 7v-4c5 0 8 1.500 11 5-1-6-4-11-11-11z',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  send: 'M4 12 3 4l18 8-18 8 1-8zM4 12h8',
  theme: 'M12 3v18M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7a5 5 0 0 1 0 10',
  wire: 'M3 12h4l3-8 4 16 3-8h4',
};

/** @param {{name: string, size?: number}} props */
export const Icon = ({ name, size = 20 }) => html`
  <svg width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
