// @ts-check
/** Files that are sent, each as a message: uploaded side by side, sent in their order. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { newId } from '../ids.js';
import { encodeBase64 } from '../messages/base64.js';
import { toast } from '../toasts.js';
import { html, signal, useLayoutEffect } from '../ui.js';
import { Progress, uploadFile } from './attachments.js';

/**
 * @typedef {import('./attachments.js').ProgressProps & {id: string}} Upload
 * @typedef {import('../store.js').Message | null} Quoted the message that is answered
 *
 * @typedef {object} Queue
 * @property {import('../ui.js').Signal<Upload[]>} uploads
 * @property {Promise<void>} end fulfilled when all are sent, or cannot be
 * @property {boolean} shown else a toast has to say what fails
 */

/** @type {Map<string, Queue>} by person and conversation: they go on while the person is elsewhere */
const queues = new Map();

/**
 * @param {string} personId
 * @param {string} conversationId
 * @returns {Queue}
 */
function queueOf(personId, conversationId) {
  const key = `${personId} ${conversationId}`;
  const found = queues.get(key) ?? { uploads: signal([]), end: Promise.resolve(), shown: false };
  queues.set(key, found);
  return found;
}

/**
 * The files on their way into a conversation.
 * @param {string} personId
 * @param {string} conversationId
 * @param {(sent: {quoted: Quoted}) => void} onSent
 * @returns {{uploads: Upload[], sendFiles: (files: File[], quoted: Quoted) => void}}
 */
export function useUploads(personId, conversationId, onSent) {
  const queue = queueOf(personId, conversationId);
  const { uploads } = queue;
  useLayoutEffect(() => {
    queue.shown = true;
    return () => {
      queue.shown = false;
    };
  }, []);
  /** @type {(id: string, facts: Partial<Upload>) => void} */
  const update = (id, facts) => {
    uploads.value = uploads.peek().map((one) => (one.id === id ? { ...one, ...facts } : one));
  };
  /** @type {(id: string) => void} */
  const remove = (id) => {
    uploads.value = uploads.peek().filter((one) => one.id !== id);
  };

  /** @type {(file: File, quoted: Quoted, before: Promise<void>) => Promise<void>} */
  const start = async (file, quoted, before) => {
    const id = newId();
    const cancelling = new AbortController();
    const cancel = () => {
      cancelling.abort();
      remove(id);
    };
    uploads.value = [...uploads.peek(), { id, name: file.name, part: 0, problem: '', cancel }];
    try {
      const message = await uploadFile(personId, file, {
        onProgress: (part) => update(id, { part }), signal: cancelling.signal,
      });
      await before;
      if (cancelling.signal.aborted) return;
      await call('POST', `/people/${personId}/messages`, {
        conversation_id: conversationId,
        category: message.category,
        data_base64: encodeBase64(new TextEncoder().encode(JSON.stringify(message.content))),
        quote_message_id: quoted?.message_id,
      });
      remove(id);
      onSent({ quoted });
    } catch (error) {
      if (cancelling.signal.aborted) return;
      const problem = /** @type {Error} */ (error).message;
      update(id, { problem });
      if (!queue.shown) toast(`${file.name}: ${problem}`);
    }
  };
  const sendFiles = (/** @type {File[]} */ files, /** @type {Quoted} */ quoted) => {
    for (const file of files) queue.end = start(file, quoted, queue.end);
  };
  return { uploads: uploads.value, sendFiles };
}

/** @param {{uploads: Upload[]}} props */
export const Uploads = ({ uploads }) => uploads.length > 0 && html`
  <ul class="uploads" aria-label=${t('composer.uploads')}>
    ${uploads.map((one) => html`<li key=${one.id}><${Progress} ...${one} /></li>`)}
  </ul>`;
