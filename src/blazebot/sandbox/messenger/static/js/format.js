// @ts-check
/** Times, sizes and durations in the page's language. */

import { locale } from './i18n.js';

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} name
 * @param {Intl.DateTimeFormatOptions} options
 */
function dates(name, options) {
  const key = `${locale()} ${name}`; // making one takes long
  const found = formats.get(key) ?? new Intl.DateTimeFormat(locale(), options);
  formats.set(key, found);
  return found;
}

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/**
 * @param {string} time RFC 3339
 * @returns {string} hours and minutes
 */
export const clockTime = (time) =>
  dates('time', { hour: '2-digit', minute: '2-digit' }).format(new Date(time));

/**
 * @param {string} time RFC 3339
 * @returns {string} date and time, to the second
 */
export const fullTime = (time) =>
  dates('full', { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(time));

/**
 * @param {string} time RFC 3339
 * @returns {number} a number that is the same for all times of one day here
 */
export const dayOf = (time) => midnight(new Date(time));

/**
 * @param {number} day as `dayOf` tells it
 * @param {Date} [now]
 * @returns {string} today, yesterday, a weekday within the last week, or a date
 */
export function dayName(day, now = new Date()) {
  const days = Math.round((midnight(now) - day) / 86_400_000);
  if (days === 0 || days === 1) {
    const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(-days, 'day');
    return words.charAt(0).toUpperCase() + words.slice(1);
  }
  if (days > 1 && days < 7) return dates('weekday', { weekday: 'long' }).format(day);
  return dates('date', { dateStyle: 'long' }).format(day);
}

/**
 * @param {string} time RFC 3339
 * @returns {string} as short as a list needs it: the time today, else the day
 */
export const shortTime = (time) =>
  dayOf(time) === midnight(new Date())
    ? clockTime(time)
    : dates('short', { month: 'short', day: 'numeric' }).format(new Date(time));

/**
 * @param {number} bytes
 * @returns {string} as in `1.5 MB`
 */
export function fileSize(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  // What bots send may be below 0.
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat(locale(), {
    style: 'unit', unit: units[power], unitDisplay: power ? 'short' : 'long', maximumFractionDigits: 1,
  }).format(bytes / 1000 ** power);
}

/**
 * @param {number} seconds
 * @returns {string} as in `1:05` or `1:00:05`
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : part)).join(':');
}

/**
 * @param {number} value
 * @returns {string}
 */
export const number = (value) => new Intl.NumberFormat(locale()).format(value);
