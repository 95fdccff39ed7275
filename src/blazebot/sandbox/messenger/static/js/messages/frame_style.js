// @ts-check
/** The room that a picture or video takes before it is there, so that nothing jumps. */

const SIDE = 320;
const LEAST = 96;

/**
 * @param {{width: number, height: number}} size in pixels, 0 where it is not known
 * @returns {{width: string, aspectRatio: string}}
 */
export function frameStyle({ width, height }) {
  const [w, h] = width > 0 && height > 0 ? [width, height] : [4, 3];
  const shown = Math.min(SIDE, (SIDE * w) / h, Math.max(width, LEAST) || SIDE);
  const ratio = Math.min(Math.max(w / h, 0.4), 4);
  return { width: `${Math.round(Math.max(shown, LEAST))}px`, aspectRatio: ratio.toFixed(3) };
}
