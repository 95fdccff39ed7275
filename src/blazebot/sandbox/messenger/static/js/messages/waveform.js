// @ts-check
/** How loud a voice message is along its length. */

import { decodeBase64 } from './base64.js';

/**
 * @param {string} base64 one byte for each level
 * @param {number} count how many levels to return
 * @returns {number[]} from 0 to 1, the loudest being 1; all 0 where there is nothing to read
 */
export function levels(base64, count) {
  const bytes = read(base64);
  const loudest = Math.max(1, ...bytes);
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * bytes.length) / count);
    const end = Math.max(start + 1, Math.floor(((index + 1) * bytes.length) / count));
    return Math.max(0, ...bytes.slice(start, end)) / loudest;
  });
}

/** @param {string} base64 */
function read(base64) {
  try {
    return [...decodeBase64(base64).slice(0, 10_000)];
  } catch {
    return [];
  }
}
