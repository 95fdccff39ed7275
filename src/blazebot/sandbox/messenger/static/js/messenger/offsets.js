// @ts-check
/** Where the rows of a long list stand, and which of them can be seen. Pure. */

/**
 * @param {readonly {key: string}[]} rows
 * @param {ReadonlyMap<string, number>} heights of the rows that have been drawn
 * @param {number} estimate height of the others
 * @returns {Float64Array} the upper edge of each row, and last the lower edge of all
 */
export function offsetsOf(rows, heights, estimate) {
  const offsets = new Float64Array(rows.length + 1);
  for (let index = 0; index < rows.length; index += 1) {
    offsets[index + 1] = offsets[index] + (heights.get(rows[index].key) ?? estimate);
  }
  return offsets;
}

/**
 * @param {Float64Array} offsets
 * @param {number} y
 * @returns {number} the row at a height, the nearest one if none is there
 */
export function rowAt(offsets, y) {
  let low = 0;
  let high = offsets.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle] <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}
