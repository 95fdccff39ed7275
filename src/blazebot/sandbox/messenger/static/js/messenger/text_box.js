// @ts-check
/** Where a person writes: Enter sends, Shift and Enter begins a new line. */

import { FileButton } from '../composer/file_picking.js';
import { Uploads } from '../composer/uploads.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { nameOf } from '../messages/names.js';
import { summary } from '../messages/summary.js';
import { attempt } from '../toasts.js';
import { html, useLayoutEffect, useRef, useState } from '../ui.js';
import { draftOf, redraft } from './draft.js';
import { useEscape } from './escape.js';
import { send } from './sending.js';

const MOST_HEIGHT = 200; // px

/**
 * @param {object} props
 * @param {string} props.personId
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {import('../composer/uploads.js').Upload[]} props.uploads
 * @param {(files: File[]) => void} props.onFiles
 * @param {() => void} props.compose
 * @param {(sent: import('./draft.js').Sent) => void} props.onSent
 */
export function TextBox({ personId, conversation, uploads, onFiles, compose, onSent }) {
  const { conversation_id: id } = conversation;
  const draft = draftOf(personId, id);
  const { text, quoted, messageId } = draft.value;
  const [busy, setBusy] = useState(false);
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const cancelQuote = () => redraft(draft, { quoted: null });
  useEscape(cancelQuote, quoted !== null);

  useLayoutEffect(() => {
    if (matchMedia('(hover: hover)').matches || quoted) box.current?.focus(); // no keyboard over the page
  }, [quoted]);
  useLayoutEffect(() => {
    const element = /** @type {HTMLTextAreaElement} */ (box.current);
    element.style.height = 'auto';
    element.style.height = `${Math.min(element.scrollHeight, MOST_HEIGHT)}px`;
  }, [text]);

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy || !text.trim()) return;
    setBusy(true);
    const sent = await attempt(() =>
      send(personId, {
        conversation_id: id,
        text,
        message_id: messageId,
        quote_message_id: quoted?.message_id ?? null,
      }));
    setBusy(false);
    if (!sent) return;
    onSent({ text, quoted });
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    // An Enter that picks what an input method offers is not meant for us.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) void submit(event);
  };

  return html`
    <form class="text-box" onSubmit=${submit}>
      ${quoted && html`
        <div class="line quoting">
          <p class="quote"><strong>${nameOf(quoted.user_id)}</strong><span>${summary(quoted, personId)}</span></p>
          <button class="icon-button" type="button" aria-label=${t('messenger.quote_cancel')} onClick=${cancelQuote}>
            <${Icon} name="close" /></button>
        </div>`}
      <${Uploads} uploads=${uploads} />
      <div class="line">
        <${FileButton} label=${t('messenger.attach')} onFiles=${onFiles} />
        <button class="icon-button" type="button" aria-label=${t('messenger.compose')} title=${t('messenger.compose')}
          onClick=${compose}><${Icon} name="compose" /></button>
        <textarea class="field" rows="1" ref=${box} placeholder=${t('messenger.write')} aria-label=${t('messenger.write')}
          value=${text} readonly=${busy}
          onInput=${(/** @type {any} */ event) => redraft(draft, { text: event.target.value })} onKeyDown=${onKeyDown}></textarea>
        <button class="button icon primary" aria-label=${t('messenger.send')} title=${t('messenger.send')}
          disabled=${busy || !text.trim()}><${Icon} name="send" /></button>
      </div>
    </form>`;
}
