// @ts-check
/** Composes a message of any category: its fields, and its JSON beside, are the same text. */

import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { attempt } from '../toasts.js';
import { html, useId, useState } from '../ui.js';
import { AttachmentUpload } from './attachments.js';
import { CATEGORIES, OTHER, categoryOf } from './categories.js';
import { FileButton, useFileDrop } from './file_picking.js';
import { Form, wordsOf } from './form.js';
import { SendOptions } from './options.js';
import { send } from './sending.js';
import { changed, read, written } from './source.js';
import { problemsOf } from './validation.js';

/** @type {import('./sending.js').Options} */
const PLAIN = { encrypted: false, malformed: false, silent: false, expireIn: 0, mentions: [] };

const CATEGORY_NAME = /^[A-Z0-9_]{1,64}$/;

/**
 * @param {object} props
 * @param {import('../store.js').User} props.person who sends
 * @param {import('../store.js').Conversation} props.conversation
 * @param {import('./uploads.js').Quoted} props.quoted
 * @param {(sent: {quoted: import('./uploads.js').Quoted}) => void} props.onSent
 * @param {() => void} props.close
 */
export function Composer({ person, conversation, quoted, onSent, close }) {
  const [category, setCategory] = useState(CATEGORIES[0]);
  const [otherName, setOtherName] = useState('PLAIN_SOMETHING');
  const [source, setSource] = useState(written(CATEGORIES[0], CATEGORIES[0].sample));
  const [options, setOptions] = useState(PLAIN);
  const [files, setFiles] = useState(/** @type {File[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const { over, handlers } = useFileDrop((dropped) => category.by === 'attachment' && setFiles(dropped));

  const name = category.category || otherName;
  const { value, problem } = read(category, source);
  const problems = problem ? [] : problemsOf(category, value);
  const wrong = Boolean(problem) || problems.length > 0 || !CATEGORY_NAME.test(name);
  const encryptable = name.startsWith('PLAIN_');

  const pick = (/** @type {string} */ picked) => {
    const next = categoryOf(picked);
    setCategory(next);
    setSource(written(next, next.sample));
    setFiles([]);
  };
  const change = (/** @type {(string | number)[]} */ path, /** @type {any} */ next) =>
    setSource((/** @type {string} */ now) =>
      written(category, changed(read(category, now).value, path, next) ?? ''));
  const answered = category.by === 'transfer' ? null : quoted; // which the service sends
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    const sent = await attempt(() => send({
      personId: person.user_id, conversation, category, name, source, value, quoted: answered,
      options: { ...options, encrypted: options.encrypted && encryptable },
    }));
    setBusy(false);
    if (!sent) return;
    onSent({ quoted: answered });
    close();
  };

  return html`
    <${Dialog} title=${t('composer.title')} close=${close} className=${`composer ${over ? 'over' : ''}`}>
      <form class="composer-form" onSubmit=${submit} ...${handlers}>
        <${CategoryPicker} category=${category} pick=${pick} name=${otherName} setName=${setOtherName} />
        ${category.by === 'attachment' && html`
          <div class="composer-drop">
            <${FileButton} className="button" label=${t('composer.pick_file')} multiple=${false} onFiles=${setFiles}>
              ${t('composer.pick_file')}<//>
            <span class="muted small">${t('composer.drop')}</span>
            <${AttachmentUpload} personId=${person.user_id} category=${name} files=${files}
              encrypted=${options.encrypted}
              onContent=${(/** @type {any} */ content) => setSource(written(category, content))} />
          </div>`}
        <div class=${`composer-views ${category.form === 'text' || category.form === 'raw' ? 'single' : ''}`}>
          <fieldset class="composer-fields" disabled=${Boolean(problem)}>
            <${Form} category=${category} value=${value} problems=${problems} change=${change}
              conversation=${conversation} />
          </fieldset>
          ${category.form !== 'text' && category.form !== 'raw' && html`
            <${Source} source=${source} setSource=${setSource} problem=${problem} />`}
        </div>
        <${SendOptions} options=${options} setOptions=${setOptions} encryptable=${encryptable}
          others=${conversation.participants.filter((one) => one.user_id !== person.user_id).slice(0, 20)} />
        <div class="foot">
          ${problems.length > 0 && !options.malformed && html`
            <span class="error" role="status">${nameOf(problems[0].path)} ${wordsOf(problems[0])}</span>`}
          <button class="button primary" disabled=${busy || (wrong && !options.malformed)}>
            ${t('composer.send')}</button>
        </div>
      </form>
    <//>`;
}

/**
 * @param {string} path of a field
 * @returns {string} what the form calls the field
 */
function nameOf(path) {
  const name = path.split('.').findLast((part) => /^[a-z]/.test(part));
  return name ? t(`composer.field_${name}`) : '';
}

/**
 * @param {{category: import('./categories.js').Category, pick: (category: string) => void, name: string,
 *   setName: (name: string) => void}} props
 */
function CategoryPicker({ category, pick, name, setName }) {
  const id = useId();
  return html`
    <div class="composer-category">
      <div class="label">
        <label for=${id}>${t('composer.category')}</label>
        <select id=${id} class="field" value=${category.category}
          onChange=${(/** @type {any} */ event) => pick(event.target.value)}>
          ${CATEGORIES.map((one) => html`<option key=${one.category} value=${one.category}>
            ${t(`composer.category_${one.category}`)} · ${one.category}</option>`)}
          <option value="">${t('composer.category_other')}</option>
        </select>
      </div>
      ${category === OTHER && html`
        <label class="label">${t('composer.category_name')}
          <input class="field" value=${name} spellcheck=${false}
            onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>`}
    </div>`;
}

/** @param {{source: string, setSource: (source: string) => void, problem: string}} props */
function Source({ source, setSource, problem }) {
  const id = useId();
  return html`
    <div class="composer-source label">
      <label for=${id}>${t('composer.json')}</label>
      <textarea id=${id} class="field" spellcheck=${false} value=${source} aria-invalid=${Boolean(problem)}
        onInput=${(/** @type {any} */ event) => setSource(event.target.value)} />
      ${problem && html`<span class="error" role="status">${problem}</span>`}
    </div>`;
}
