// @ts-check
/** Buttons beside each other. */

import { html } from '../ui.js';
import { webAddress } from './addresses.js';
import { Pressable } from './action.js';
import { readable } from './colours.js';

/** @typedef {{label: string, color: string, action: string}} Button */

/** @param {import('./index.js').BodyProps} props */
export const Buttons = ({ value, actions }) => html`
  <${ButtonRow} buttons=${value} actions=${actions} />`;

/** @param {{buttons: Button[], actions: import('./index.js').Actions}} props */
export const ButtonRow = ({ buttons, actions }) => html`
  <div class="body-buttons">
    ${buttons.map(({ label, color, action }, index) => html`
      <${Pressable} key=${index} className="body-button" style=${{ color: readable(color) }}
        action=${action} actions=${actions}>
        <span>${label}</span>${webAddress(action) && html`<span aria-hidden="true">↗</span>`}<//>`)}
  </div>`;
