// @ts-check
/** Entries of the wire log as rows of a list. Pure. */

/**
 * @typedef {'message' | 'receipt' | 'other' | 'call' | 'line'} Kind
 * @typedef {object} Row
 * @property {number} key counts the rows that were ever read
 * @property {number} at ms since the epoch, with fractions
 * @property {string} botId
 * @property {Kind} kind
 * @property {'in' | 'out' | ''} way from the bot, to the bot, or neither
 * @property {string} name action, or method and path
 * @property {string} gist what a person wants to see of it
 * @property {boolean} failed it is an error, or cannot be read
 * @property {string} fault the fault that was applied, or ''
 * @property {number | null} since ms since the request that it answers
 * @property {number | null} size bytes on the wire
 * @property {number | null} inflated bytes without gzip
 * @property {string} raw the entry, as JSON
 */

const REQUESTS_MOST = 5000;
const GIST_MOST = 200;
const TEXTS = ['PLAIN_TEXT', 'PLAIN_POST'];

/**
 * Makes rows of entries, in the order in which they come.
 * @returns {(entry: any, raw: string) => Row} `raw` is the JSON that the entry came as
 */
export function rowReader() {
  /** @type {Map<string, number>} when the requests came that have no answer yet */
  const requests = new Map();
  let key = 0;
  return (entry, raw) => {
    const at = milliseconds(entry.at);
    const row = { key: ++key, at, botId: entry.bot_id, fault: entry.fault ?? '', raw };
    if (entry.kind === 'call') return { ...row, ...callOf(entry) };
    if (entry.kind === 'line') return { ...row, ...lineOf(entry) };
    return { ...row, ...frameOf(entry), since: sinceRequest(requests, entry, at) };
  };
}

/**
 * @param {string} time RFC 3339 in UTC, with nanoseconds
 * @returns {number}
 */
const milliseconds = (time) =>
  Date.parse(`${time.slice(0, 19)}Z`) + Number(`0${time.slice(19, -1)}`) * 1000;

/**
 * @param {Map<string, number>} requests
 * @param {any} entry
 * @param {number} at
 */
function sinceRequest(requests, entry, at) {
  const id = `${entry.line} ${entry.frame?.id}`;
  if (entry.direction === 'received') {
    requests.set(id, at);
    if (requests.size > REQUESTS_MOST) requests.delete(requests.keys().next().value ?? '');
    return null;
  }
  const asked = requests.get(id);
  requests.delete(id);
  return asked === undefined ? null : at - asked;
}

/** @param {any} entry */
function callOf(entry) {
  return {
    kind: /** @type {Kind} */ ('call'),
    way: /** @type {'in'} */ ('in'),
    name: `${entry.method} ${entry.path}`,
    gist: [entry.status || '—', errorWords(entry.answer?.error) || gistOf(entry.request)].filter(Boolean).join(' '),
    failed: Boolean(entry.answer?.error) || !entry.status || entry.status >= 400,
    since: entry.seconds * 1000,
    size: entry.request_size + entry.answer_size,
    inflated: null,
  };
}

/** @param {any} entry */
const lineOf = (entry) => ({
  kind: /** @type {Kind} */ ('line'),
  way: /** @type {''} */ (''),
  name: `line ${entry.line} ${entry.event}`,
  gist: entry.words,
  failed: false,
  since: null,
  size: null,
  inflated: null,
});

/** @param {any} entry */
function frameOf(entry) {
  const frame = entry.frame ?? {};
  return {
    kind: kindOf(frame.action ?? ''),
    way: /** @type {'in' | 'out'} */ (entry.direction === 'received' ? 'in' : 'out'),
    name: entry.unreadable ? 'unreadable' : String(frame.action ?? '?'),
    gist: entry.unreadable ?? (errorWords(frame.error) || gistOf(frame.params ?? frame.data)),
    failed: Boolean(entry.unreadable || frame.error),
    size: entry.size,
    inflated: entry.inflated ?? null,
  };
}

/**
 * @param {string} action
 * @returns {Kind}
 */
function kindOf(action) {
  if (action.startsWith('ACKNOWLEDGE_')) return 'receipt';
  return action.startsWith('CREATE_') ? 'message' : 'other';
}

/** @param {any} error */
const errorWords = (error) =>
  error ? `${error.code} ${error.description} ${error.extra?.reason ?? ''}`.trim() : '';

/**
 * @param {any} body
 * @returns {string}
 */
function gistOf(body) {
  if (body === null || body === undefined) return '';
  if (Array.isArray(body)) return `${body.length} × ${gistOf(body[0])}`;
  if (typeof body !== 'object') return short(String(body));
  if (Array.isArray(body.messages)) return gistOf(body.messages);
  if (body.status && !body.category) return `${body.status} ${body.message_id ?? ''}`;
  if (!body.category) return short(JSON.stringify(body));
  const data = body.data_base64 || body.data || '';
  return `${body.category} ${TEXTS.includes(body.category) ? short(decoded(data) ?? '') : ''}`.trim();
}

/** @param {string} text */
const short = (text) => (text.length > GIST_MOST ? `${text.slice(0, GIST_MOST)}…` : text);

/**
 * @param {string} data base64, of either alphabet, padded or not
 * @returns {string | null} the text that it stands for, null where it is none
 */
export function decoded(data) {
  try {
    const bytes = Uint8Array.from(atob(data.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/**
 * @typedef {{bots: Set<string> | null, kind: string, text: string}} Filter
 *   bots: null is all; kind: '' is all, 'fault' what a fault was applied to, 'failed' errors
 */

/**
 * @param {Row[]} rows
 * @param {Filter} filter
 * @returns {Row[]} the very same array where nothing is filtered
 */
export function filtered(rows, { bots, kind, text }) {
  if (!bots && !kind && !text) return rows;
  const sought = text.toLowerCase();
  return rows.filter((row) =>
    (!bots || bots.has(row.botId))
    && (!kind || matches(row, kind))
    && (!sought || `${row.name} ${row.gist} ${row.raw}`.toLowerCase().includes(sought)));
}

/**
 * @param {Row} row
 * @param {string} kind
 */
function matches(row, kind) {
  if (kind === 'fault') return row.fault !== '';
  return kind === 'failed' ? row.failed : row.kind === kind;
}

/**
 * Keep the newest rows, in number and in what they hold.
 * @param {Row[]} rows
 * @param {number} most
 * @param {number} characters
 * @returns {Row[]}
 */
export function newestOf(rows, most, characters) {
  let first = rows.length;
  let held = 0;
  while (first > 0 && rows.length - first < most) {
    held += rows[first - 1].raw.length;
    if (held > characters && first < rows.length) break;
    first--;
  }
  return first ? rows.slice(first) : rows;
}
