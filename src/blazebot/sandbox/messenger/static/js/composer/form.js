// @ts-check
/** A form for a content, made of its category's fields. */

import { t } from '../i18n.js';
import { html, useId } from '../ui.js';
import { Input } from './input.js';

/** @typedef {(string | number)[]} Path */

/**
 * @typedef {object} FormProps
 * @property {any} value
 * @property {import('./validation.js').Problem[]} problems
 * @property {(path: Path, value: any) => void} change
 * @property {import('../store.js').Conversation} conversation
 */

/** @param {FormProps & {category: import('./categories.js').Category}} props */
export function Form({ category, value, ...rest }) {
  if (category.form === 'text' || category.form === 'raw') {
    return html`<${Field} field=${{ name: 'text', kind: 'lines' }} path=${[]} value=${value} ...${rest} />`;
  }
  if (category.form === 'list') {
    return html`<${List} field=${category.items} path=${[]} value=${value} ...${rest} />`;
  }
  return html`<${Fields} fields=${category.fields} path=${[]} value=${value} ...${rest} />`;
}

/** @param {FormProps & {fields: import('./categories.js').Field[], path: Path}} props */
const Fields = ({ fields, path, value, ...rest }) => fields.map((field) => html`
  <${field.kind === 'list' ? List : Field} key=${field.name} field=${field} path=${[...path, field.name]}
    value=${value?.[field.name]} ...${rest} />`);

/** @param {FormProps & {field: import('./categories.js').Field, path: Path}} props */
function Field({ field, path, value, problems, change, conversation }) {
  const id = useId();
  const problem = problems.find((one) => one.path === path.join('.'));
  return html`
    <div class="label">
      <label for=${id}>${t(`composer.field_${field.name}`)}
        ${field.required && html`<span class="required"> *</span>`}</label>
      <${Input} id=${id} field=${field} value=${value} invalid=${Boolean(problem)} conversation=${conversation}
        change=${(/** @type {any} */ next) => change(path, next)} />
      ${problem && html`<span class="error" id=${`${id}-problem`}>${wordsOf(problem)}</span>`}
    </div>`;
}

/** @param {FormProps & {field: import('./categories.js').Field, path: Path}} props */
function List({ field, path, value, problems, change, ...rest }) {
  const items = Array.isArray(value) ? value : [];
  const problem = problems.find((one) => one.path === path.join('.'));
  return html`
    <fieldset class="composer-list">
      <legend>${t(`composer.field_${field.name}`)}</legend>
      ${items.map((item, index) => html`
        <div class="composer-item" key=${index}>
          <${Fields} fields=${field.fields} path=${[...path, index]} value=${item} problems=${problems} change=${change}
            ...${rest} />
          <button class="button" type="button" onClick=${() => change([...path, index], undefined)}>
            ${t('composer.remove_item', { number: index + 1 })}</button>
        </div>`)}
      ${problem && html`<span class="error">${wordsOf(problem)}</span>`}
      <button class="button" type="button" disabled=${items.length >= (field.max ?? Infinity)}
        onClick=${() => change([...path], [...items, field.sample])}>${t('composer.add_item')}</button>
    </fieldset>`;
}

/** @param {import('./validation.js').Problem} problem */
export const wordsOf = ({ key, values }) => t(`composer.problem_${key}`, values);
