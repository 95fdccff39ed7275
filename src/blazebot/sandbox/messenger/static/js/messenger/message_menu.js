// @ts-check
/** What can be done with a message. */

import { copyText } from '../clipboard.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { summary } from '../messages/summary.js';
import { html, useEffect, useLayoutEffect, useRef } from '../ui.js';
import { useEscape } from './escape.js';

const MARGIN = 8; // px

/**
 * @param {object} props
 * @param {import('../folding.js').Message} props.message
 * @param {number} props.x
 * @param {number} props.y
 * @param {string} props.personId
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {any} props.actions
 * @param {() => void} props.close
 */
export function MessageMenu({ message, x, y, personId, conversation, actions, close }) {
  const menu = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEscape(close);
  useLayoutEffect(() => {
    const element = /** @type {HTMLDivElement} */ (menu.current);
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(MARGIN, Math.min(x, innerWidth - width - MARGIN))}px`;
    element.style.top = `${Math.max(MARGIN, Math.min(y, innerHeight - height - MARGIN))}px`;
    const before = document.activeElement;
    element.querySelector('button')?.focus();
    return () => before instanceof HTMLElement && before.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    const onPointer = (/** @type {PointerEvent} */ event) => {
      if (!menu.current?.contains(/** @type {Node} */ (event.target))) close();
    };
    addEventListener('pointerdown', onPointer);
    return () => removeEventListener('pointerdown', onPointer);
  }, []);

  const mine = message.user_id === personId;
  const leads = conversation.participants.find((one) => one.user_id === personId)?.role;
  const gone = message.recalled;
  const choices = /** @type {const} */ ([
    ['reply', 'reply', !gone, () => actions.reply(message)],
    ['copy', 'copy', !gone, () => copyText(message.text ?? summary(message, personId), () => select(message.message_id))],
    [message.pinned ? 'unpin' : 'pin', 'pin', !gone, () => actions.pin(message)],
    ['recall', 'recall', !gone && (mine || leads), () => actions.recall(message)],
    ['show_frames', 'frames', true, () => actions.showFrames(message.message_id)],
  ]);
  return html`
    <div class="menu message-menu" role="menu" ref=${menu} aria-label=${t('messenger.menu')} onKeyDown=${moveFocus}>
      ${choices.filter((one) => one[2]).map(([name, icon, , act]) => html`
        <button key=${name} type="button" role="menuitem" onClick=${() => { close(); void act(); }}>
          <${Icon} name=${icon} />${t(`messenger.${name}`)}</button>`)}
    </div>`;
}

/** Mark what a message says. @param {string} messageId */
function select(messageId) {
  const row = document.querySelector(`[data-key="${CSS.escape(messageId)}"]`);
  if (row) getSelection()?.selectAllChildren(row.querySelector('.body-text, .body-markdown') ?? row);
}

/** @param {KeyboardEvent & {currentTarget: HTMLElement}} event */
function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll('button')];
  const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  items[(at + step + items.length) % items.length].focus();
}
