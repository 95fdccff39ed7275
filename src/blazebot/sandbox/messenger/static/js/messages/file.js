// @ts-check
/** A file: its name and size, to be saved. */

import { fileSize } from '../format.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { AttachmentProblem, saveAttachment } from './attachment.js';

/** @param {import('./index.js').BodyProps} props */
export function File({ value }) {
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const name = value.name || t('messages.kind_file');
  const save = async () => {
    setBusy(true);
    try {
      await saveAttachment(value, name);
      setProblem('');
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
    setBusy(false);
  };
  return html`
    <button class="body-file" type="button" aria-busy=${busy} onClick=${save}>
      <span class="visually-hidden">${t('messages.save')} </span>
      <span class="body-ending" aria-hidden="true">${ending(name)}</span>
      <span class="body-facts"><b>${name}</b>
        <span class="muted small">${[fileSize(value.size), value.mime_type].filter(Boolean).join(' · ')}</span></span>
      <svg class="body-save" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 4v11M7 11l5 5 5-5M5 20h14" /></svg>
    </button>
    <${AttachmentProblem} problem=${problem} />`;
}

/** @param {string} name */
const ending = (name) => (/\.(\w{1,4})$/.exec(name)?.[1] ?? '···').toUpperCase();
