// @ts-check
/** Makes colours that bots choose readable on light and on dark ground. */

/** What buttons stand on at most: `--surface` and `--hover` of both themes lie beyond. */
const GROUNDS = { light: 0.83, dark: 0.03 };

/** What WCAG AA asks for. */
const CONTRAST = 4.5;

/** @typedef {[number, number, number]} Colour red, green, blue from 0 to 1 */

/**
 * Return a colour as a style that is readable in both themes.
 * @param {string} text `#RRGGBB`
 * @returns {string} '' if it is no colour
 */
export function readable(text) {
  if (!/^#[0-9a-f]{6}$/i.test(text)) return '';
  const colour = /** @type {Colour} */ (
    [1, 3, 5].map((start) => parseInt(text.slice(start, start + 2), 16) / 255)
  );
  return `light-dark(${blend(colour, 0, GROUNDS.light)}, ${blend(colour, 1, GROUNDS.dark)})`;
}

/**
 * Blend a colour with black (0) or white (1), as little as it takes.
 * @param {Colour} colour
 * @param {number} target
 * @param {number} ground
 */
function blend(colour, target, ground) {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = /** @type {Colour} */ (
      colour.map((part) => Math.round((part + (target - part) * share) * 255) / 255)
    );
    if (contrast(luminance(mixed), ground) >= CONTRAST) return css(mixed);
  }
  return css([target, target, target]);
}

/** @param {Colour} colour */
const css = (colour) => `rgb(${colour.map((part) => Math.round(part * 255)).join(' ')})`;

/** @param {Colour} colour @returns {number} relative luminance (WCAG 2) */
export function luminance(colour) {
  const [red, green, blue] = colour.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {number} one @param {number} other luminances */
const contrast = (one, other) =>
  (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
