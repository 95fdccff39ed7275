// @ts-check
/** The place where a person talks: conversations, one of them, and its frames beside it. */

import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { route } from '../routes.js';
import { conversations, loaded, person } from '../store.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../ui.js';
import { Wire } from '../wire/index.js';
import { ConversationList } from './conversation_list.js';
import { Conversation } from './conversation.js';
import { onEscape, useEscape } from './escape.js';
import { NewPerson } from './people_bar.js';

/** The place. */
export function Messenger() {
  const { person: personId, conversation: id } = route.value;
  const [beside, setBeside] = useState(/** @type {string | null} */ (null)); // a message, or '' for all
  useEffect(() => setBeside(null), [id]);
  if (!personId) return html`<${Welcome} />`;
  const conversation = conversations.value.get(id);
  return html`
    <div class=${`messenger ${id ? 'open' : ''} ${beside === null ? '' : 'beside'}`}>
      <${ConversationList} key=${personId} personId=${personId} />
      ${conversation && person.value
        ? html`<${Conversation} key=${`${personId} ${id}`} person=${person.value} conversation=${conversation}
            showFrames=${setBeside} />`
        : html`<section class="conversation"><div class="empty">
            <p>${t(id && loaded.value ? 'messenger.no_conversation' : 'messenger.choose')}</p></div></section>`}
      ${beside !== null && conversation && html`
        <${Frames} conversation=${conversation} messageId=${beside} close=${() => setBeside(null)} />`}
    </div>`;
}

/**
 * The wire log beside a conversation.
 * @param {object} props
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {string} props.messageId whose frames are shown, '' for all of the conversation's bots
 * @param {() => void} props.close
 */
function Frames({ conversation, messageId, close }) {
  const title = t(messageId ? 'messenger.frames' : 'shell.wire');
  const pane = useRef(/** @type {HTMLElement | null} */ (null));
  useEscape(close);
  useLayoutEffect(() => {
    const before = document.activeElement;
    return () => {
      const focused = pane.current?.contains(document.activeElement);
      if (focused && before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return html`
    <aside class="frames" ref=${pane} aria-label=${title} onKeyDown=${onEscape}>
      <div class="line head">
        <h2>${title}</h2>
        <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${close}><${Icon} name="close" /></button>
      </div>
      <${Wire} key=${messageId} beside conversation=${conversation} messageId=${messageId} />
    </aside>`;
}

const Welcome = () => html`
  <div class="empty welcome">
    <img src="/messenger/icon.svg" alt="" width="56" height="56" />
    <h1>${t('messenger.welcome')}</h1>
    <p>${t('messenger.welcome_hint')}</p>
    <${NewPerson} />
  </div>`;
