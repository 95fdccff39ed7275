// @ts-check
/** The bytes of attachments: read when they are wanted, kept for a while. */

import { download } from '../api.js';
import { html, useEffect, useState } from '../ui.js';
import { t } from '../i18n.js';
import { decryptAttachment } from './attachment_encryption.js';

const KEPT_BYTES = 64e6;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Types that a browser shows and that hold no script. */
const SHOWN = /^(image\/(png|jpeg|gif|webp|avif|bmp)|video\/[\w.+-]+|audio\/[\w.+-]+)$/;

/** @type {Map<string, Blob>} by id, what was wanted last at the end */
const kept = new Map();

/** @typedef {{attachment_id: string, mime_type: string, key: string, digest: string}} Attached */

/**
 * @param {Attached} attached
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>} the bytes, decrypted
 * @throws {Error} they cannot be had
 */
async function readAttachment({ attachment_id: id, mime_type: type, key, digest }, signal) {
  if (!ID.test(id)) throw new Error(t('messages.no_attachment'));
  const found = kept.get(id) ?? await fetched(id, key, digest, signal);
  keep(id, found);
  return found.slice(0, found.size, SHOWN.test(type) ? type : 'application/octet-stream');
}

/**
 * @param {string} id
 * @param {string} key
 * @param {string} digest
 * @param {AbortSignal} [signal]
 */
async function fetched(id, key, digest, signal) {
  const stored = await download(id, signal);
  if (!key) return stored;
  return new Blob([await decryptAttachment(await stored.arrayBuffer(), key, digest)]);
}

/**
 * @param {string} id
 * @param {Blob} blob
 */
function keep(id, blob) {
  kept.delete(id);
  kept.set(id, blob);
  let bytes = [...kept.values()].reduce((sum, one) => sum + one.size, 0);
  for (const [oldest, one] of kept) {
    if (bytes <= KEPT_BYTES) break;
    kept.delete(oldest);
    bytes -= one.size;
  }
}

/**
 * The address of an attachment's bytes for as long as the component is shown.
 * @param {any} attached the message's content
 * @param {boolean} wanted whether to read it yet
 * @returns {{url: string, problem: string, loading: boolean}}
 */
export function useAttachment(attached, wanted) {
  const [state, setState] = useState({ url: '', problem: '' });
  useEffect(() => {
    if (!wanted) return undefined;
    const reading = new AbortController();
    let url = '';
    readAttachment(attached, reading.signal).then(
      (blob) => {
        if (reading.signal.aborted) return;
        url = URL.createObjectURL(blob);
        setState({ url, problem: '' });
      },
      (error) => !reading.signal.aborted && setState({ url: '', problem: error.message }),
    );
    return () => {
      reading.abort();
      URL.revokeObjectURL(url);
      setState({ url: '', problem: '' });
    };
  }, [attached.attachment_id, wanted]);
  return { ...state, loading: wanted && !state.url && !state.problem };
}

/**
 * Save an attachment, decrypted, to the person's disk.
 * @param {Attached} attached
 * @param {string} name
 */
export async function saveAttachment(attached, name) {
  const url = URL.createObjectURL(await readAttachment({ ...attached, mime_type: '' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser begins to read it later
}

/** @param {{problem: string}} props */
export const AttachmentProblem = ({ problem }) =>
  problem && html`<p class="error" role="alert">${t('messages.unreadable')} ${problem}</p>`;
