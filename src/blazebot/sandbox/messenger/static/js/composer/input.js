// @ts-check
/** What one field is filled in with, by its kind. */

import { t } from '../i18n.js';
import { userOf } from '../messages/names.js';
import { summary } from '../messages/summary.js';
import { bots, historyOf, people } from '../store.js';
import { html } from '../ui.js';

const RECENT = 30;

/** @typedef {import('../store.js').Message} Message */

/**
 * @typedef {object} InputProps
 * @property {string} id
 * @property {import('./categories.js').Field} field
 * @property {any} value
 * @property {boolean} invalid
 * @property {(value: any) => void} change undefined for nothing
 * @property {import('../store.js').Conversation} conversation
 */

/** @param {InputProps} props */
export const Input = (props) => html`<${INPUTS[props.field.kind] ?? Line} ...${props} />`;

/** @param {any} event */
const textOf = (event) => event.target.value || undefined;

/** @param {InputProps} props */
const attributes = ({ id, invalid, field }) => ({
  id,
  class: 'field',
  'aria-invalid': invalid,
  'aria-required': Boolean(field.required),
  'aria-describedby': invalid ? `${id}-problem` : undefined,
});

/** @param {InputProps} props */
const Line = (props) => html`
  <input ...${attributes(props)} value=${shown(props.value)} spellcheck=${props.field.kind === 'text'}
    onInput=${(/** @type {any} */ event) => props.change(textOf(event))} />`;

/** @param {InputProps} props */
const Lines = (props) => html`
  <textarea ...${attributes(props)} rows="5" value=${shown(props.value)}
    onInput=${(/** @type {any} */ event) => props.change(textOf(event))} />`;

/** What is no number, or not yet, stays as it was written. @param {InputProps} props */
const Numeric = (props) => html`
  <input ...${attributes(props)} inputmode="decimal" value=${shown(props.value)}
    onInput=${(/** @type {any} */ event) => {
      const text = textOf(event);
      props.change(String(Number(text)) === text ? Number(text) : text);
    }}
    onBlur=${(/** @type {any} */ event) => {
      const text = textOf(event);
      if (text && !Number.isNaN(Number(text))) props.change(Number(text));
    }} />`;

/** @param {InputProps} props */
const Colour = (props) => html`
  <span class="composer-colour">
    <input type="color" aria-label=${t('composer.pick_colour')} tabindex="-1"
      value=${/^#[0-9a-f]{6}$/i.test(props.value) ? props.value : '#000000'}
      onInput=${(/** @type {any} */ event) => props.change(event.target.value.toUpperCase())} />
    <${Line} ...${props} />
  </span>`;

/** @param {InputProps} props */
const Flag = ({ id, value, change }) => html`
  <select id=${id} class="field" value=${String(value ?? '')}
    onChange=${(/** @type {any} */ event) => change(textOf(event) && textOf(event) === 'true')}>
    <option value="">${t('composer.unset')}</option>
    <option value="true">${t('composer.yes')}</option>
    <option value="false">${t('composer.no')}</option>
  </select>`;

/** @param {InputProps & {options?: [string, string][]}} props */
const Choice = ({ options, ...props }) => html`
  <select ...${attributes(props)} value=${props.value ?? ''}
    onChange=${(/** @type {any} */ event) => props.change(textOf(event))}>
    <option value="">${t('composer.choose')}</option>
    ${(options ?? (props.field.options ?? []).map((one) => [one, one])).map(([value, words]) => html`
      <option key=${value} value=${value}>${words}</option>`)}
  </select>`;

/** @param {InputProps} props */
const User = (props) => html`
  <${Choice} ...${props} options=${[...bots.value, ...people.value].map((one) => [one.user_id, one.full_name])} />`;

/** @param {InputProps} props */
const OneMessage = (props) => html`<${Choice} ...${props} options=${recent(props.conversation)} />`;

/** @param {InputProps} props */
const SomeMessages = (props) => html`
  <select ...${attributes(props)} multiple size="5"
    onChange=${(/** @type {any} */ event) => props.change([...event.target.selectedOptions].map((one) => one.value))}>
    ${recent(props.conversation).map(([id, words]) => html`
      <option key=${id} value=${id} selected=${[props.value].flat().includes(id)}>${words}</option>`)}
  </select>`;

/**
 * @param {import('../store.js').Conversation} conversation
 * @returns {[string, string][]} ids and words of what was said last, the newest first
 */
const recent = ({ conversation_id: id }) =>
  /** @type {readonly Message[]} */ (historyOf(id).value.messages)
    .filter((one) => !one.recalled).slice(-RECENT).reverse()
    .map((one) => [one.message_id, `${userOf(one.user_id)?.full_name ?? ''}: ${summary(one)}`]);

/** @param {unknown} value */
const shown = (value) =>
  value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);

/** @type {Partial<Record<import('./categories.js').Field['kind'], any>>} */
const INPUTS = {
  lines: Lines, integer: Numeric, decimal: Numeric, colour: Colour, flag: Flag, choice: Choice,
  user: User, message: OneMessage, ids: SomeMessages,
};
