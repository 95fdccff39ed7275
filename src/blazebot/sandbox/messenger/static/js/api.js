// @ts-check
/** The control API over HTTP. */

import { t } from './i18n.js';

const TOKEN = 'blazebot.token';

/** A request that was refused, or could not be made (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 if the sandbox cannot be reached
   * @param {number} code the service's own number
   * @param {string} message what is wrong, in words
   * @param {string} [field] the field that is to blame
   */
  constructor(status, code, message, field = '') {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/**
 * Take the token from the address, where the sandbox's first lines put it, and keep it.
 * @returns {boolean} whether there was one
 */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!given) return false;
  localStorage.setItem(TOKEN, given);
  history.replaceState(null, '', `${location.pathname}#/`);
  return true;
}

/** @returns {string} the token that is needed beyond loopback, else '' */
export const token = () => localStorage.getItem(TOKEN) ?? '';

/** @returns {Record<string, string>} */
const authorization = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

/**
 * @param {string} path below `/control`, with the token in the query where a header cannot be sent
 */
export const addressOf = (path) => {
  const address = new URL(`/control${path}`, location.href);
  if (token()) address.searchParams.set('token', token());
  return address;
};

/**
 * Ask the control API.
 * @param {string} method
 * @param {string} path below `/control`
 * @param {unknown} [body] sent as JSON
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>} the answer
 */
export async function call(method, path, body, options = {}) {
  const response = await reached(fetch(`/control${path}`, {
    method,
    signal: options.signal,
    headers: { ...authorization(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  }));
  const answer = parse(await reached(response.text()));
  if (!response.ok) throw errorOf(response.status, answer);
  return answer;
}

/**
 * Ask for a stream, as `/log?follow=true` is.
 * @param {string} path below `/control`
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
export async function stream(path, signal) {
  const response = await reached(fetch(`/control${path}`, { headers: authorization(), signal }));
  if (!response.ok) throw errorOf(response.status, parse(await reached(response.text())));
  return response;
}

/**
 * Send a file's bytes.
 * @param {string} path below `/control`
 * @param {Blob} file
 * @param {(part: number) => void} [onProgress] told how much has been sent, from 0 to 1
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the answer
 */
export function upload(path, file, onProgress = () => {}, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted(); // by then the file has been examined
    const sending = new XMLHttpRequest(); // fetch does not tell how far it is
    sending.open('POST', `/control${path}`);
    for (const [name, value] of Object.entries(authorization())) {
      sending.setRequestHeader(name, value);
    }
    sending.setRequestHeader('Content-Type', 'application/octet-stream');
    sending.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 1);
    sending.onload = () => {
      const answer = parse(sending.responseText);
      if (sending.status < 300) resolve(answer);
      else reject(errorOf(sending.status, answer));
    };
    sending.onerror = () => reject(unreachable());
    sending.onabort = () => reject(new DOMException('', 'AbortError'));
    signal?.addEventListener('abort', () => sending.abort());
    sending.send(file);
  });
}

/**
 * Read an attachment, which the sandbox serves only as bytes to be saved.
 * @param {string} attachmentId
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>} bytes without a type
 */
export async function download(attachmentId, signal) {
  const response = await reached(fetch(`/view/${encodeURIComponent(attachmentId)}`, { signal }));
  if (!response.ok) throw errorOf(response.status, parse(await reached(response.text())));
  return reached(response.blob());
}

/**
 * @template T
 * @param {Promise<T>} answer what the browser fetches, or reads of it
 * @returns {Promise<T>} rejected with an ApiError where the sandbox is not there, or no longer
 */
async function reached(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable();
  }
}

const unreachable = () => new ApiError(0, 0, t('shell.unreachable'));

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * @param {number} status
 * @param {any} answer
 */
function errorOf(status, answer) {
  const { code = 0, description = '', extra = {} } = answer?.error ?? {};
  return new ApiError(status, code, extra?.reason ?? (description || `HTTP ${status}`), extra?.field);
}
