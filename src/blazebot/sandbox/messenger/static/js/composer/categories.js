// @ts-check
/**
 * What can be composed: each category with its fields, their kinds and limits. A field's words are
 * `composer.field_NAME`. The numbers are those of `blazebot.wire.limits`.
 */

/**
 * @typedef {object} Field
 * @property {string} name in the JSON
 * @property {'text' | 'lines' | 'id' | 'user' | 'message' | 'integer' | 'decimal' | 'amount' | 'address'
 *   | 'colour' | 'flag' | 'choice' | 'base64' | 'ids' | 'list'} kind
 * @property {boolean} [required]
 * @property {number} [min] of a number, of a text's characters, of a list's items
 * @property {number} [max]
 * @property {string[]} [schemes] of an address
 * @property {string[]} [options] of a choice
 * @property {number} [bytes] how many base64 holds
 * @property {Field[]} [fields] those of a list's items
 * @property {Record<string, any>} [sample] a new item of a list
 *
 * @typedef {object} Category
 * @property {string} category on the wire
 * @property {'text' | 'object' | 'list' | 'raw'} form what the content is
 * @property {Field[]} [fields] of an object
 * @property {Field} [items] of a list
 * @property {any} sample what the composer begins with
 * @property {'attachment' | 'transfer'} [by] uploaded first; or told to the bot by the service
 */

const WEB = ['https:', 'http:'];
const ACTIONS = [...WEB, 'mixin:', 'input:'];

/** @type {(name: string, more?: Partial<Field>) => Field} */
const text = (name, more = {}) => ({ name, kind: 'text', ...more });

/** @type {(name: string, more?: Partial<Field>) => Field} */
const integer = (name, more = {}) => ({ name, kind: 'integer', min: 0, ...more });

const PIXELS = [integer('width', { min: 1, required: true }), integer('height', { min: 1, required: true })];

/** @type {Field[]} */
const ATTACHED = [
  { name: 'attachment_id', kind: 'id', required: true },
  text('mime_type', { required: true, max: 255 }),
  integer('size', { required: true, min: 1 }),
];

/** @type {Field[]} */
const KEYS = [{ name: 'key', kind: 'base64', bytes: 64 }, { name: 'digest', kind: 'base64', bytes: 32 }];

/** @type {Field[]} */
const BUTTON = [
  text('label', { required: true, min: 1, max: 36 }),
  { name: 'color', kind: 'colour', required: true },
  { name: 'action', kind: 'address', schemes: ACTIONS, required: true },
];
const NEW_BUTTON = { label: 'Yes', color: '#46B8DA', action: 'input:yes' };

/** Of a transcript. */
const NEW_ITEM = {
  message_id: '6b0d549b-6f03-475a-9600-a35a099950d8', category: 'PLAIN_TEXT', user_full_name: 'Bob', content: 'Hi',
};

/** @type {(name: string, min: number) => Field} */
const buttons = (name, min) => ({ name, kind: 'list', min, max: 18, fields: BUTTON, sample: NEW_BUTTON });

/** @type {(category: string, ...fields: Field[]) => Category} */
const transfer = (category, ...fields) => ({
  category,
  form: 'object',
  by: 'transfer',
  fields: [
    { name: 'amount', kind: 'amount', required: true },
    { name: 'asset_id', kind: 'id' },
    text('memo'),
    ...fields,
  ],
  sample: { amount: '1', memo: '' },
});

/** @type {Category[]} */
export const CATEGORIES = [
  { category: 'PLAIN_TEXT', form: 'text', sample: '' },
  { category: 'PLAIN_POST', form: 'text', sample: '# Title\n\nSome **Markdown**.' },
  {
    category: 'PLAIN_IMAGE', form: 'object', by: 'attachment', sample: {},
    fields: [...ATTACHED, ...PIXELS, { name: 'thumbnail', kind: 'base64' }, ...KEYS],
  },
  {
    category: 'PLAIN_VIDEO', form: 'object', by: 'attachment', sample: {},
    fields: [...ATTACHED, ...PIXELS, integer('duration'), { name: 'thumbnail', kind: 'base64' }, ...KEYS],
  },
  {
    category: 'PLAIN_AUDIO', form: 'object', by: 'attachment', sample: {},
    fields: [...ATTACHED, integer('duration'), { name: 'waveform', kind: 'base64' }, ...KEYS],
  },
  {
    category: 'PLAIN_DATA', form: 'object', by: 'attachment', sample: {},
    fields: [...ATTACHED, text('name', { required: true, min: 1, max: 512 }), ...KEYS],
  },
  {
    category: 'PLAIN_STICKER', form: 'object', fields: [
      { name: 'sticker_id', kind: 'id', required: true }, text('name'), { name: 'album_id', kind: 'id' },
    ],
    sample: { sticker_id: '0fd630f1-f29d-4da9-953f-48f1a09f76b5' },
  },
  {
    category: 'PLAIN_CONTACT', form: 'object', fields: [{ name: 'user_id', kind: 'user', required: true }],
    sample: {},
  },
  {
    category: 'PLAIN_LOCATION', form: 'object', fields: [
      { name: 'latitude', kind: 'decimal', required: true, min: -90, max: 90 },
      { name: 'longitude', kind: 'decimal', required: true, min: -180, max: 180 },
      text('name'), text('address'),
    ],
    sample: { latitude: 35.6812, longitude: 139.7671, name: '東京駅' },
  },
  {
    category: 'PLAIN_LIVE', form: 'object', fields: [
      { name: 'url', kind: 'address', schemes: WEB, required: true },
      { name: 'thumb_url', kind: 'address', schemes: WEB, required: true },
      ...PIXELS, { name: 'shareable', kind: 'flag' },
    ],
    sample: {
      url: 'https://example.com/live.m3u8', thumb_url: 'https://example.com/live.png', width: 1280, height: 720,
    },
  },
  {
    category: 'PLAIN_TRANSCRIPT', form: 'list',
    items: {
      name: 'items', kind: 'list', min: 1, max: 1000,
      fields: [
        { name: 'message_id', kind: 'id', required: true },
        text('category', { required: true, min: 1 }), text('user_full_name'),
        { name: 'content', kind: 'lines' },
        text('created_at'),
      ],
      sample: NEW_ITEM,
    },
    sample: [NEW_ITEM],
  },
  { category: 'APP_BUTTON_GROUP', form: 'list', items: buttons('buttons', 1), sample: [NEW_BUTTON] },
  {
    category: 'APP_CARD', form: 'object', fields: [
      text('title', { required: true, min: 1, max: 36 }),
      { name: 'description', kind: 'lines', required: true, min: 1, max: 1024 },
      { name: 'app_id', kind: 'id' },
      { name: 'cover_url', kind: 'address', schemes: WEB }, { name: 'icon_url', kind: 'address', schemes: WEB },
      { name: 'action', kind: 'address', schemes: ACTIONS },
      buttons('actions', 0), { name: 'shareable', kind: 'flag' },
    ],
    sample: { title: 'Title', description: 'Description', actions: [NEW_BUTTON] },
  },
  {
    category: 'MESSAGE_RECALL', form: 'object', fields: [{ name: 'message_id', kind: 'message', required: true }],
    sample: {},
  },
  {
    category: 'MESSAGE_PIN', form: 'object', fields: [
      { name: 'action', kind: 'choice', options: ['PIN', 'UNPIN'], required: true },
      { name: 'message_ids', kind: 'ids', required: true, min: 1, max: 100 },
    ],
    sample: { action: 'PIN', message_ids: [] },
  },
  transfer('SYSTEM_SAFE_SNAPSHOT'),
  transfer('SYSTEM_ACCOUNT_SNAPSHOT', { name: 'trace_id', kind: 'id' }),
  transfer('SYSTEM_SAFE_INSCRIPTION', text('inscription_hash')),
];

/** Any other category: its name and its bytes are written freely. @type {Category} */
export const OTHER = { category: '', form: 'raw', sample: '' };

/**
 * @param {string} category
 * @returns {Category}
 */
export const categoryOf = (category) =>
  CATEGORIES.find((one) => one.category === category) ?? OTHER;
