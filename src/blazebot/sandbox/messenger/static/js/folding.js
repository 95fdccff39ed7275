// @ts-check
/** How news becomes part of what is known. Pure: what comes in is not changed. */

/**
 * @typedef {object} Message a message as one person sees it (`Snapshot` of the control API)
 * @property {string} message_id
 * @property {string} conversation_id
 * @property {string} user_id
 * @property {string} category
 * @property {string} data_base64
 * @property {string | null} text
 * @property {'SENT' | 'DELIVERED' | 'READ'} status
 * @property {number} seq
 * @property {string} quote_message_id
 * @property {string} created_at
 * @property {string} updated_at
 * @property {boolean} recalled
 * @property {boolean} pinned
 * @property {boolean} disappeared
 * @property {boolean} encrypted
 * @property {string} undecryptable
 * @property {boolean} silent
 * @property {number} expire_in
 * @property {string[]} mentions
 *
 * @typedef {object} User
 * @property {string} user_id
 * @property {'person' | 'bot'} kind
 * @property {string} full_name
 * @property {string} identity_number
 * @property {string} avatar_url path of their picture, '' if none
 * @property {string} created_at
 *
 * @typedef {User & {role: '' | 'ADMIN' | 'OWNER'}} Participant
 *
 * @typedef {object} Conversation
 * @property {string} conversation_id
 * @property {'CONTACT' | 'GROUP'} category
 * @property {string} name
 * @property {string} announcement
 * @property {string} code_id
 * @property {string} creator_id
 * @property {string} created_at
 * @property {number} expire_in
 * @property {string} mute_until
 * @property {Participant[]} participants
 * @property {number} unread
 * @property {Message | null} last_message
 *
 * @typedef {object} History the newest part of a conversation, without gaps
 * @property {readonly Message[]} messages in order of seq
 * @property {boolean} complete there is nothing older
 */

/** @type {History} */
export const NOTHING = { messages: [], complete: false };

/**
 * Return where a message with this seq stands among messages in order, or would.
 * @param {readonly Message[]} messages
 * @param {number} seq
 */
export function placeOf(messages, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Take messages as they are now into a history. What lies before its part is left out, unless it
 * is complete, and so is all while nothing is known; what has disappeared goes.
 * @param {History} history
 * @param {readonly Message[]} news
 * @returns {History}
 */
export function foldMessages(history, news) {
  if (!history.messages.length && !history.complete) return history;
  const messages = [...history.messages];
  for (const message of news) {
    const place = placeOf(messages, message.seq);
    const known = messages[place]?.seq === message.seq;
    if (message.disappeared) messages.splice(place, known ? 1 : 0);
    else if (known) messages[place] = message;
    else if (place > 0 || history.complete) messages.splice(place, 0, message);
  }
  return { ...history, messages };
}

/**
 * Put a page of older messages before a history.
 * @param {History} history
 * @param {readonly Message[]} page in order; empty if there is nothing older
 * @returns {History}
 */
export function foldPage(history, page) {
  const first = history.messages[0]?.seq ?? Infinity;
  const older = page.filter((one) => one.seq < first);
  return { messages: [...older, ...history.messages], complete: page.length === 0 };
}

/**
 * @param {Message} message
 * @param {string} personId
 */
const isUnread = (message, personId) =>
  message.user_id !== personId && message.status !== 'READ' && !message.recalled
  && !message.disappeared && !isRecall(message);

/**
 * Whether it only takes back another message, which says so itself.
 * @param {Message} message
 */
const isRecall = (message) => message.category === 'MESSAGE_RECALL';

/**
 * Take news into a conversation as it stands in the list.
 * @param {Conversation} conversation
 * @param {readonly Message[]} news in the order of changes
 * @param {string} personId whose list it is
 * @param {(messageId: string) => Message | undefined} before what was known of a message
 * @returns {{conversation: Conversation, certain: boolean}} `certain`: the count of what is unread
 *   follows from what is known; if not, it is to be asked for
 */
export function foldConversation(conversation, news, personId, before) {
  let { unread, last_message: last } = conversation;
  let certain = true;
  /** @type {Map<string, Message>} */
  const seen = new Map();
  for (const message of news) {
    const newer = !last || message.seq > last.seq;
    const known = seen.get(message.message_id) ?? before(message.message_id);
    seen.set(message.message_id, message);
    if (message.category === 'SYSTEM_CONVERSATION' && newer) certain = false;
    if (newer) unread += Number(isUnread(message, personId));
    else if (known) unread += Number(isUnread(message, personId)) - Number(isUnread(known, personId));
    else if (message.user_id !== personId) certain = false;
    if (message.disappeared) certain = false; // the last one may be another
    if ((newer && !isRecall(message)) || message.seq === last?.seq) last = message;
  }
  return { conversation: { ...conversation, unread: Math.max(0, unread), last_message: last }, certain };
}

/**
 * @param {Iterable<Conversation>} conversations
 * @returns {Conversation[]} the one with the newest message first
 */
export const inOrder = (conversations) =>
  [...conversations].sort((a, b) => (b.last_message?.seq ?? 0) - (a.last_message?.seq ?? 0));
