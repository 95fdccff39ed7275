// @ts-check
/** An item of a transcript as the message that it was. */

import { decodeBase64, encodeBase64 } from './base64.js';
import { plainCategory } from './content.js';

/** Categories whose content an item holds in fields of its own [C]. */
const MEDIA = ['PLAIN_IMAGE', 'PLAIN_VIDEO', 'PLAIN_AUDIO', 'PLAIN_DATA'];

/**
 * @param {Record<string, any>} item
 * @param {import('../store.js').Message} transcript the message that carries it
 * @returns {import('../store.js').Message}
 */
export function itemMessage(item, transcript) {
  return {
    ...transcript,
    message_id: item.message_id,
    user_id: item.user_id,
    category: plainCategory(item.category),
    data_base64: encodeBase64(new TextEncoder().encode(contentOf(item))),
    created_at: item.created_at,
    recalled: false,
    undecryptable: '',
  };
}

/** @param {Record<string, any>} item @returns {string} */
function contentOf(item) {
  const category = plainCategory(item.category);
  if (MEDIA.includes(category)) return JSON.stringify(mediaOf(item));
  if (category === 'PLAIN_STICKER') return JSON.stringify({ sticker_id: item.sticker_id });
  if (category === 'PLAIN_CONTACT') return JSON.stringify({ user_id: item.shared_user_id });
  if (category === 'PLAIN_LIVE') {
    return JSON.stringify({
      url: item.media_url, thumb_url: item.thumb_url, width: item.media_width, height: item.media_height,
    });
  }
  return item.content;
}

/** @param {Record<string, any>} item */
const mediaOf = (item) => ({
  attachment_id: attachmentId(item.content),
  mime_type: item.media_mime_type,
  size: item.media_size,
  key: item.media_key,
  digest: item.media_digest,
  name: item.media_name,
  width: item.media_width,
  height: item.media_height,
  duration: item.media_duration,
  waveform: item.media_waveform,
  thumbnail: item.thumb_image,
});

/**
 * @param {string} content the id itself, or JSON that has it, plain or in base64 [C]
 * @returns {string}
 */
function attachmentId(content) {
  for (const text of [content, decoded(content)]) {
    try {
      return JSON.parse(text).attachment_id ?? content;
    } catch {
      // it is written in another way
    }
  }
  return content;
}

/** @param {string} text */
function decoded(text) {
  try {
    return new TextDecoder().decode(decodeBase64(text));
  } catch {
    return '';
  }
}
