// @ts-check
/** The content as it is written: the form and the JSON beside it are two views of this text. */

/**
 * @param {import('./categories.js').Category} category
 * @param {any} value
 * @returns {string} how a value is written
 */
export const written = ({ form }, value) =>
  form === 'text' || form === 'raw' ? value : JSON.stringify(value, null, 2);

/**
 * @param {import('./categories.js').Category} category
 * @param {string} source
 * @returns {{value: any, problem: string}} `problem`: it is no JSON, and why
 */
export function read({ form }, source) {
  if (form === 'text' || form === 'raw') return { value: source, problem: '' };
  try {
    return { value: JSON.parse(source), problem: '' };
  } catch (error) {
    return { value: undefined, problem: /** @type {Error} */ (error).message };
  }
}

/**
 * Return a value with another one at a path; what is undefined goes.
 * @param {any} value
 * @param {(string | number)[]} path
 * @param {any} change
 * @returns {any}
 */
export function changed(value, [name, ...rest], change) {
  if (name === undefined) return change;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const inner = changed(copy[name], rest, change);
  if (inner !== undefined) copy[name] = inner;
  else if (Array.isArray(copy)) copy.splice(Number(name), 1);
  else delete copy[name];
  return copy;
}
