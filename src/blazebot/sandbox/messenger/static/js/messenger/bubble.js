// @ts-check
/** One message: who, what, when, and how far it came. */

import { Avatar } from '../avatar.js';
import { clockTime, fullTime } from '../format.js';
import { language, t } from '../i18n.js';
import { Icon } from '../icons.js';
import { MessageBody } from '../messages/index.js';
import { nameOf, userOf } from '../messages/names.js';
import { html, useMemo } from '../ui.js';
import { Quote } from './quote.js';
import { Ticks } from './ticks.js';

/**
 * @param {object} props
 * @param {import('./rows.js').MessageRow} props.row
 * @param {import('../folding.js').User} props.person
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {any} props.actions
 * @param {(at: import('./conversation.js').MenuAt) => void} props.openMenu
 * @param {boolean} props.flash
 */
export function Bubble({ row, person, conversation, actions, openMenu, flash }) {
  const { message, leads } = row;
  const mine = message.user_id === person.user_id;
  const named = conversation.category === 'GROUP' && !mine;
  const body = useMemo(
    () => html`<${MessageBody} message=${message} person=${person} actions=${actions} />`,
    [message, person, actions, language.value],
  );
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.type === 'contextmenu' && String(getSelection())) return; // theirs is to copy it
    event.preventDefault();
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const pointed = event.type === 'contextmenu' && event.clientX > 0;
    openMenu({ message, x: pointed ? event.clientX : box.left, y: pointed ? event.clientY : box.bottom });
  };
  const classes = ['message', mine ? 'mine' : 'theirs', leads && 'leads', flash && 'flash', named && 'named'];
  return html`
    <article class=${classes.filter(Boolean).join(' ')}>
      ${named && leads && html`<${Sender} id=${message.user_id} />`}
      <div class="bubble" data-category=${message.recalled ? 'RECALLED' : message.category} onContextMenu=${open}>
        ${named && leads && html`<strong class="sender">${nameOf(message.user_id)}</strong>`}
        ${message.quote_message_id && !message.recalled && html`
          <${Quote} messageId=${message.quote_message_id} conversation=${conversation} personId=${person.user_id}
            jumpTo=${actions.jumpTo} />`}
        ${body}
        <span class="meta">
          ${message.pinned && html`<span title=${t('messenger.pinned')}><${Icon} name="pin" size=${12} /></span>`}
          ${message.encrypted && html`<span title=${t('messenger.encrypted')}>${t('messenger.encrypted_short')}</span>`}
          <time datetime=${message.created_at} title=${fullTime(message.created_at)}>${clockTime(message.created_at)}</time>
          ${mine && !message.recalled && html`<${Ticks} status=${message.status} />`}
        </span>
      </div>
      <button class="icon-button more" type="button" tabindex="-1" aria-label=${t('messenger.menu')} aria-haspopup="menu"
        onClick=${open}><${Icon} name="dots" /></button>
    </article>`;
}

/** @param {{id: string}} props */
function Sender({ id }) {
  const user = userOf(id);
  return html`<${Avatar} id=${id} name=${nameOf(id)} bot=${user?.kind === 'bot'} url=${user?.avatar_url} small />`;
}
