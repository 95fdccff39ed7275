// @ts-check
/** A small plot of messages a second. */

import { number } from '../format.js';
import { t } from '../i18n.js';
import { html } from '../ui.js';

const WIDTH = 240;
const HEIGHT = 40;
const LOOKS = 60;

/**
 * @param {number[]} values the newest last, which is drawn at the right
 * @param {number} most what the top stands for
 * @returns {string} points of a polyline
 */
export const points = (values, most) =>
  values
    .map((value, index) => {
      const x = WIDTH - ((values.length - 1 - index) * WIDTH) / (LOOKS - 1);
      return `${x.toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
    })
    .join(' ');

/** @param {{rates: import('./rates.js').Rate[]}} props */
export function Plot({ rates }) {
  const last = rates.at(-1) ?? { sentRate: 0, pushedRate: 0 };
  const most = Math.max(1, ...rates.map((one) => Math.max(one.sentRate, one.pushedRate)));
  const values = { sent: rate(last.sentRate), pushed: rate(last.pushedRate) };
  return html`
    <figure class="plot">
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img"
        aria-label=${`${t('dashboard.plot_label')}: ${t('dashboard.to_bot', values)}, ${t('dashboard.from_bot', values)}`}>
        <polyline class="pushed" points=${points(rates.map((one) => one.pushedRate), most)} />
        <polyline class="sent" points=${points(rates.map((one) => one.sentRate), most)} />
      </svg>
      <figcaption>
        <span class="pushed">${t('dashboard.to_bot', values)}</span>
        <span class="sent">${t('dashboard.from_bot', values)}</span>
      </figcaption>
    </figure>`;
}

/** @param {number} value */
const rate = (value) => number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
