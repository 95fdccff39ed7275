// @ts-check
/** Reads what a message holds, as forgivingly as clients in use do. */

import { decodeBase64 } from './base64.js';

/**
 * @typedef {object} Content what a message holds, read
 * @property {string} kind names the component that shows it; 'unknown' where nothing fits
 * @property {string} category on the wire
 * @property {any} value a text, an object or a list, by kind
 * @property {Uint8Array} bytes as they came
 * @property {string} problem why `bytes` do not fit the category, or ''
 */

/** @typedef {Record<string, 'text' | 'text?' | 'number' | 'number?' | 'any?'>} Fields */

/** @type {Fields} */
const MEDIA = {
  attachment_id: 'text', mime_type: 'text?', size: 'number?', key: 'text?', digest: 'text?',
};

/** @type {Fields} */
const TRANSFER = {
  snapshot_id: 'text', asset_id: 'text', amount: 'text', opponent_id: 'text?', type: 'text?',
  memo: 'text?', trace_id: 'text?', transaction_hash: 'text?', inscription_hash: 'text?',
};

/** @type {Fields} */
const BUTTON = { label: 'text', color: 'text?', action: 'text?' };

/** @type {Fields} the texts and numbers of a transcript's item; others pass as they are */
const ITEM = {
  message_id: 'text', category: 'text?', user_id: 'text?', user_full_name: 'text?',
  created_at: 'text?', content: 'text?', media_name: 'text?', media_size: 'number?',
  media_width: 'number?', media_height: 'number?', media_mime_type: 'text?',
  media_duration: 'number?', media_key: 'text?', media_digest: 'text?', media_waveform: 'text?',
  thumb_image: 'text?', thumb_url: 'text?', media_url: 'text?', sticker_id: 'text?',
  shared_user_id: 'text?',
};

/** @type {Record<string, string>} other spellings in use */
const ALIASES = { wave_form: 'waveform', counter_user_id: 'opponent_id' };

/** @type {Record<string, {kind: string, read: (bytes: Uint8Array) => any}>} */
const READERS = {
  PLAIN_TEXT: { kind: 'text', read: readText },
  PLAIN_POST: { kind: 'post', read: readText },
  PLAIN_IMAGE: object('image', { ...MEDIA, width: 'number?', height: 'number?', thumbnail: 'text?' }),
  PLAIN_VIDEO: object('video', {
    ...MEDIA, width: 'number?', height: 'number?', duration: 'number?', thumbnail: 'text?',
  }),
  PLAIN_AUDIO: object('audio', { ...MEDIA, duration: 'number?', waveform: 'text?' }),
  PLAIN_DATA: object('file', { ...MEDIA, name: 'text?' }),
  PLAIN_STICKER: object('sticker', { sticker_id: 'text?', name: 'text?', album_id: 'text?' }),
  PLAIN_CONTACT: object('contact', { user_id: 'text' }),
  PLAIN_LOCATION: object('location', {
    longitude: 'number', latitude: 'number', name: 'text?', address: 'text?',
  }),
  PLAIN_LIVE: object('live', {
    url: 'text', thumb_url: 'text?', width: 'number?', height: 'number?',
  }),
  PLAIN_TRANSCRIPT: list('transcript', ITEM),
  APP_BUTTON_GROUP: list('buttons', BUTTON),
  APP_CARD: {
    kind: 'card',
    read(bytes) {
      const card = readFields(parse(bytes), {
        title: 'text', description: 'text?', app_id: 'text?', icon_url: 'text?',
        cover_url: 'text?', action: 'text?', actions: 'any?',
      });
      return { ...card, actions: readList(card.actions ?? [], BUTTON) };
    },
  },
  MESSAGE_RECALL: object('recall', { message_id: 'text' }),
  MESSAGE_PIN: object('pin', { action: 'text', message_ids: 'any?' }),
  SYSTEM_CONVERSATION: object('system', {
    action: 'text', participant_id: 'text?', user_id: 'text?', role: 'text?', expire_in: 'number?',
  }),
  SYSTEM_ACCOUNT_SNAPSHOT: object('transfer', TRANSFER),
  SYSTEM_SAFE_SNAPSHOT: object('transfer', TRANSFER),
  SYSTEM_SAFE_INSCRIPTION: object('transfer', TRANSFER),
};

/**
 * @param {string} category
 * @returns {string} the category that its content is written in: an encrypted one holds a plain one
 */
export const plainCategory = (category) => category.replace(/^(ENCRYPTED|SIGNAL)_/, 'PLAIN_');

/**
 * Return what a message holds. Never throws.
 * @param {{category: string, data_base64: string, recalled?: boolean, undecryptable?: string}} message
 * @returns {Content}
 */
export function readContent({ category, data_base64: data, recalled, undecryptable }) {
  const nothing = { category, value: null, bytes: new Uint8Array(), problem: '' };
  if (recalled) return { ...nothing, kind: 'recalled' };
  if (undecryptable) return { ...nothing, kind: 'undecryptable', problem: undecryptable };
  try {
    return readBytes(category, decodeBase64(data));
  } catch (error) {
    return { ...nothing, kind: 'unknown', problem: /** @type {Error} */ (error).message };
  }
}

/**
 * Return the content of these bytes. Never throws.
 * @param {string} category
 * @param {Uint8Array} bytes
 * @returns {Content}
 */
function readBytes(category, bytes) {
  const content = { category, bytes, value: null, problem: '' };
  const plain = plainCategory(category);
  if (!Object.hasOwn(READERS, plain)) return { ...content, kind: 'unknown' };
  const reader = READERS[plain];
  try {
    return { ...content, kind: reader.kind, value: reader.read(bytes) };
  } catch (error) {
    return { ...content, kind: 'unknown', problem: /** @type {Error} */ (error).message };
  }
}

/** @param {Uint8Array} bytes */
function readText(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TypeError('is not UTF-8');
  }
}

/** @param {Uint8Array} bytes */
const parse = (bytes) => JSON.parse(readText(bytes));

/**
 * @param {string} kind
 * @param {Fields} fields
 */
function object(kind, fields) {
  return { kind, read: (/** @type {Uint8Array} */ bytes) => readFields(parse(bytes), fields) };
}

/**
 * @param {string} kind
 * @param {Fields} fields those of each item
 */
function list(kind, fields) {
  return { kind, read: (/** @type {Uint8Array} */ bytes) => readList(parse(bytes), fields) };
}

/**
 * @param {unknown} value
 * @param {Fields} fields
 */
function readList(value, fields) {
  if (!Array.isArray(value)) throw new TypeError('should be a JSON list');
  return value.map((item) => readFields(item, fields));
}

/**
 * Return these fields of a JSON object. Absent, empty and null are the same, and numbers may be
 * text [C]; what may be absent is then '', 0 or undefined.
 * @param {unknown} value
 * @param {Fields} fields
 * @returns {Record<string, any>}
 */
function readFields(value, fields) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError('should be a JSON object');
  }
  const given = Object.fromEntries(
    Object.entries(value).map(([name, one]) => [ALIASES[name] ?? name, one]),
  );
  return Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [name, readField(name, given[name] ?? '', type)]),
  );
}

/**
 * @param {string} name
 * @param {any} value
 * @param {string} type
 */
function readField(name, value, type) {
  if (value === '') {
    if (!type.endsWith('?')) throw new TypeError(`${name}: is missing`);
    return { 'text?': '', 'number?': 0 }[type];
  }
  if (type === 'any?') return value;
  if (!['string', 'number'].includes(typeof value)) throw new TypeError(`${name}: is malformed`);
  if (type.startsWith('text')) return String(value);
  const read = Number(value);
  if (!Number.isFinite(read)) throw new TypeError(`${name}: should be a number`);
  return read;
}
