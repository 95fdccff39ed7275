// @ts-check
/** Files on their way into messages: examined, and uploaded with progress. */

import { upload } from '../api.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { encryptAttachment } from '../messages/attachment_encryption.js';
import { html, useEffect, useRef, useState } from '../ui.js';
import { factsOf, fileFacts } from './media_facts.js';

/**
 * @typedef {object} Options
 * @property {boolean} [encrypted] the file is stored encrypted, and the content has its key
 * @property {string} [category] what it is to be sent as, whatever it is
 * @property {(part: number) => void} [onProgress] told how much is there, from 0 to 1
 * @property {AbortSignal} [signal] ends it
 */

/**
 * Upload a file.
 * @param {string} personId whose it is
 * @param {File} file
 * @param {Options} [options]
 * @returns {Promise<{category: string, content: Record<string, any>}>} the message that shows it
 */
export async function uploadFile(personId, file, { encrypted, category, onProgress, signal } = {}) {
  const found = await factsOf(file);
  const facts = !category || found.category === category ? found : { ...fileFacts(file), category };
  const { stored, ...keys } = encrypted ? await encryptAttachment(await file.arrayBuffer()) : { stored: file };
  const answer = await upload(`/people/${personId}/attachments`, stored, onProgress, signal);
  return {
    category: facts.category,
    content: {
      attachment_id: answer.attachment_id,
      mime_type: file.type || 'application/octet-stream',
      size: file.size,
      ...facts.fields,
      ...keys,
    },
  };
}

/** @typedef {{name: string, part: number, problem: string, cancel: () => void}} ProgressProps `part`: from 0 to 1 */

/** @param {ProgressProps} props */
export const Progress = ({ name, part, problem, cancel }) => html`
  <span class="upload-name">${name}</span>
  ${problem
    ? html`<span class="error" role="alert">${problem}</span>`
    : html`<progress max="1" value=${part} aria-label=${t('composer.uploading', { name })}></progress>`}
  <button class="icon-button" type="button" aria-label=${t('composer.cancel_upload', { name })} onClick=${cancel}>
    <${Icon} name="close" /></button>`;

/**
 * The file of a content that is being composed.
 * @param {object} props
 * @param {string} props.personId
 * @param {string} props.category what it is sent as
 * @param {boolean} props.encrypted
 * @param {File[]} props.files what was dropped or chosen last
 * @param {(content: Record<string, any>) => void} props.onContent
 */
export function AttachmentUpload({ personId, category, encrypted, files, onContent }) {
  const [state, setState] = useState({ part: 0, problem: '', shown: false });
  const cancelling = useRef(new AbortController());
  const [file] = files;
  useEffect(() => {
    if (!file) return undefined;
    const uploading = new AbortController();
    cancelling.current = uploading;
    setState({ part: 0, problem: '', shown: true });
    uploadFile(personId, file, {
      category, encrypted, signal: uploading.signal,
      onProgress: (part) => setState({ part, problem: '', shown: true }),
    }).then(
      ({ content }) => {
        if (uploading.signal.aborted) return;
        setState({ part: 1, problem: '', shown: false });
        onContent(content);
      },
      (error) => !uploading.signal.aborted && setState({ part: 0, problem: error.message, shown: true }),
    );
    return () => uploading.abort();
  }, [file, encrypted]);
  if (!state.shown) return null;
  const cancel = () => {
    cancelling.current.abort();
    setState({ part: 0, problem: '', shown: false });
  };
  return html`<div class="upload-one"><${Progress} name=${file?.name} ...${state} cancel=${cancel} /></div>`;
}
