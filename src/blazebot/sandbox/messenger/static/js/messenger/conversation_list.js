// @ts-check
/** A person's conversations: who, the last message, what is unread; search among them. */

import { Avatar } from '../avatar.js';
import { inOrder } from '../folding.js';
import { shortTime } from '../format.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { nameOf } from '../messages/names.js';
import { summary } from '../messages/summary.js';
import { messengerAddress, route } from '../routes.js';
import { conversations, loaded, otherOf } from '../store.js';
import { html, useEffect, useRef, useState } from '../ui.js';
import { NewConversation } from './new_conversation.js';
import { isLine, isShown } from './rows.js';
import { Ticks } from './ticks.js';

/** @param {{personId: string}} props */
export function ConversationList({ personId }) {
  const [wanted, setWanted] = useState('');
  const [adding, setAdding] = useState(false);
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  const found = inOrder(conversations.value.values()).filter((one) => matches(one, wanted, personId));

  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        search.current?.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);

  return html`
    <section class="list" aria-label=${t('messenger.conversations')} onKeyDown=${moveFocus}>
      <div class="line head">
        <input class="field" type="search" ref=${search} placeholder=${t('messenger.search')} aria-label=${t('messenger.search')}
          aria-keyshortcuts="Control+K" value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)}
          onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === 'Escape' && setWanted('')} />
        <button class="button icon primary" type="button" aria-label=${t('messenger.new')} title=${t('messenger.new')}
          onClick=${() => setAdding(true)}><${Icon} name="add" /></button>
      </div>
      <ul>
        ${found.map((one) => html`<li key=${one.conversation_id}><${Item} conversation=${one} personId=${personId} /></li>`)}
      </ul>
      ${loaded.value && !found.length && html`
        <div class="empty">
          <p>${t(wanted ? 'messenger.nothing_found' : 'messenger.no_conversations')}</p>
          ${!wanted && html`<button class="button primary" type="button" onClick=${() => setAdding(true)}>
            ${t('messenger.new')}</button>`}
        </div>`}
      ${adding && html`<${NewConversation} personId=${personId} close=${() => setAdding(false)} />`}
    </section>`;
}

/** @param {{conversation: import('../folding.js').Conversation, personId: string}} props */
function Item({ conversation, personId }) {
  const { conversation_id: id, name, unread, last_message: last } = conversation;
  const other = otherOf(conversation, personId);
  const muted = Date.parse(conversation.mute_until) > Date.now();
  const current = route.value.conversation === id;
  const said = last && isShown(last) && !isLine(last) && !last.recalled; // somebody said it, and it is there
  return html`
    <a class="item" href=${messengerAddress(personId, id)} aria-current=${current ? 'true' : undefined}>
      <${Avatar} id=${other?.user_id ?? id} name=${name} bot=${other?.kind === 'bot'} url=${other?.avatar_url} />
      <span class="name" title=${name}>${name || t('messenger.unnamed')}</span>
      ${last && html`<time datetime=${last.created_at}>${shortTime(last.created_at)}</time>`}
      <span class="last">
        ${said && last.user_id === personId && html`<${Ticks} status=${last.status} />`}
        ${said && conversation.category === 'GROUP' && last.user_id !== personId && html`
          <span>${nameOf(last.user_id)}: </span>`}
        <span>${last ? summary(last, personId) : ''}</span>
      </span>
      ${unread > 0 && html`
        <span class=${`badge ${muted ? 'quiet' : ''}`} aria-label=${t('messenger.unread', { count: unread })}>
          ${unread > 999 ? '999+' : unread}</span>`}
    </a>`;
}

/**
 * @param {import('../folding.js').Conversation} conversation
 * @param {string} wanted
 * @param {string} personId
 */
function matches(conversation, wanted, personId) {
  const last = conversation.last_message;
  return !wanted || `${conversation.name}\n${last ? summary(last, personId) : ''}`.toLowerCase().includes(wanted.trim().toLowerCase());
}

/** @param {KeyboardEvent & {currentTarget: HTMLElement}} event */
function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const items = /** @type {HTMLElement[]} */ ([...event.currentTarget.querySelectorAll('.item')]);
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = items[at + step];
  event.preventDefault();
  if (next) next.focus();
  else if (step < 0) /** @type {HTMLElement | null} */ (event.currentTarget.querySelector('input'))?.focus();
}
