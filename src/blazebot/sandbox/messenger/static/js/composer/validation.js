// @ts-check
/** Whether what was composed would be taken, field by field. */

/** @typedef {import('./categories.js').Field} Field */

/** @typedef {{path: string, key: string, values?: Record<string, string | number>}} Problem `key` names the words */

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const COLOUR = /^#[0-9a-f]{6}$/i;
const AMOUNT = /^\d{1,20}(\.\d{1,8})?$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/**
 * @param {import('./categories.js').Category} category
 * @param {any} value the content, as its form is
 * @returns {Problem[]} none if it is as it should be
 */
export function problemsOf(category, value) {
  if (category.form === 'object') {
    return isObject(value) ? inFields(category.fields ?? [], value, '') : [{ path: '', key: 'no_object' }];
  }
  if (category.form === 'list' && category.items) return inField(category.items, value, '');
  return [];
}

/** @param {unknown} value */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * @param {Field[]} fields
 * @param {any} value
 * @param {string} path
 * @returns {Problem[]}
 */
const inFields = (fields, value, path) =>
  fields.flatMap((field) => inField(field, value[field.name], path ? `${path}.${field.name}` : field.name));

/**
 * @param {Field} field
 * @param {any} value
 * @param {string} path
 * @returns {Problem[]}
 */
function inField(field, value, path) {
  if (value === undefined || value === null || value === '') {
    return field.required ? [{ path, key: 'missing' }] : [];
  }
  const found = CHECKS[field.kind](value, field);
  if (found) return [{ path, key: found, values: limitsOf(field) }];
  if (field.kind !== 'list') return [];
  return value.flatMap((/** @type {any} */ item, /** @type {number} */ index) => {
    const where = path ? `${path}.${index}` : String(index);
    return isObject(item) ? inFields(field.fields ?? [], item, where) : [{ path: where, key: 'no_object' }];
  });
}

/** @param {Field} field */
const limitsOf = ({ min = 0, max = Infinity, bytes = 0, schemes = [] }) => ({
  min, max: Number.isFinite(max) ? max : '∞', bytes, schemes: schemes.join(' '),
});

/** @type {Record<Field['kind'], (value: any, field: Field) => string>} the key of what is wrong, or '' */
const CHECKS = {
  text: length,
  lines: length,
  id: (value) => (isText(value) && ID.test(value) ? '' : 'no_id'),
  user: (value) => (isText(value) && ID.test(value) ? '' : 'no_id'),
  message: (value) => (isText(value) && ID.test(value) ? '' : 'no_id'),
  integer: (value, field) => (Number.isSafeInteger(value) ? range(value, field) : 'no_integer'),
  decimal: (value, field) => (Number.isFinite(value) ? range(value, field) : 'no_number'),
  amount: (value) => (isText(value) && AMOUNT.test(value) && Number(value) > 0 ? '' : 'no_amount'),
  address,
  colour: (value) => (isText(value) && COLOUR.test(value) ? '' : 'no_colour'),
  flag: (value) => (typeof value === 'boolean' ? '' : 'no_flag'),
  choice: (value, { options = [] }) => (options.includes(value) ? '' : 'no_choice'),
  base64,
  ids: (value, field) =>
    Array.isArray(value) && value.every((one) => isText(one) && ID.test(one)) ? count(value, field) : 'no_ids',
  list: (value, field) => (Array.isArray(value) ? count(value, field) : 'no_list'),
};

/** @param {unknown} value */
const isText = (value) => typeof value === 'string';

/** @param {any} value @param {Field} field */
function length(value, { min = 0, max = Infinity }) {
  if (!isText(value)) return 'no_text';
  const characters = [...value].length;
  return characters < min || characters > max ? 'no_length' : '';
}

/** @param {number} value @param {Field} field */
const range = (value, { min = -Infinity, max = Infinity }) => (value < min || value > max ? 'no_range' : '');

/** @param {any[]} value @param {Field} field */
const count = (value, { min = 0, max = Infinity }) =>
  value.length < min || value.length > max ? 'no_count' : '';

/** @param {any} value @param {Field} field */
function address(value, { schemes = [] }) {
  const scheme = isText(value) ? /^([a-z]+:)\/*[^/]/i.exec(value)?.[1].toLowerCase() : '';
  return scheme && schemes.includes(scheme) ? '' : 'no_address';
}

/** @param {any} value @param {Field} field */
function base64(value, { bytes = 0 }) {
  if (!isText(value) || !BASE64.test(value)) return 'no_base64';
  const found = Math.floor((value.replace(/=+$/, '').length * 3) / 4);
  return bytes && found !== bytes ? 'no_bytes' : '';
}
