// @ts-check
/** The message that another one answers, in short; a click goes to it. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { nameOf } from '../messages/names.js';
import { summary } from '../messages/summary.js';
import { historyOf } from '../store.js';
import { html, useEffect, useState } from '../ui.js';

/**
 * @param {object} props
 * @param {string} props.messageId
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {string} props.personId
 * @param {(messageId: string) => void} props.jumpTo
 */
export function Quote({ messageId, conversation, personId, jumpTo }) {
  const { messages } = historyOf(conversation.conversation_id).value;
  const known = messages.findLast((one) => one.message_id === messageId);
  const [found, setFound] = useState(/** @type {import('../folding.js').Message | null} */ (null));
  useEffect(() => {
    if (known) return;
    call('GET', `/people/${personId}/messages/${messageId}`).then(setFound, () => {}); // it says so itself
  }, [messageId, !known]);
  const message = known ?? found;
  if (!message) return html`<p class="quote muted">${t('messenger.quote_gone')}</p>`;
  return html`
    <button class="quote" type="button" onClick=${() => jumpTo(messageId)}>
      <strong>${nameOf(message.user_id)}</strong><span>${summary(message, personId)}</span></button>`;
}
