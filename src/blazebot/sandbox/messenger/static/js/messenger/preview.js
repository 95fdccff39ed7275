// @ts-check
/** A message in a few words, for lists and quotes. */

import { t } from '../i18n.js';

const KINDS = new Set([
  'AUDIO', 'CONTACT', 'DATA', 'IMAGE', 'LIVE', 'LOCATION', 'STICKER', 'TRANSCRIPT', 'VIDEO',
  'APP_CARD', 'APP_BUTTON_GROUP', 'MESSAGE_PIN', 'MESSAGE_RECALL', 'SYSTEM_CONVERSATION',
  'SYSTEM_ACCOUNT_SNAPSHOT', 'SYSTEM_SAFE_SNAPSHOT', 'SYSTEM_SAFE_INSCRIPTION',
]);
const MOST = 200;

/** @param {string} data base64 */
function textOf(data) {
  const bytes = Uint8Array.from(atob(data.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

/**
 * @param {import('../folding.js').Message} message
 * @returns {string}
 */
export function previewOf(message) {
  if (message.recalled) return t('messenger.kind_MESSAGE_RECALL');
  if (message.disappeared) return t('messenger.kind_disappeared');
  if (message.undecryptable) return t('messenger.kind_undecryptable');
  const kind = message.category.replace(/^(PLAIN|ENCRYPTED)_/, '');
  if (kind === 'TEXT') return (message.text ?? t('messenger.kind_other')).slice(0, MOST);
  if (kind === 'POST') return textOf(message.data_base64).replace(/[#*_`>\n]+/g, ' ').trim().slice(0, MOST);
  return t(KINDS.has(kind) ? `messenger.kind_${kind}` : 'messenger.kind_other');
}
