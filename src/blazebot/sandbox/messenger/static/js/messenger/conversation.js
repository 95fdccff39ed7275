// @ts-check
/** One conversation: its head, pins, messages, and where the person writes. */

import { call } from '../api.js';
import { Avatar } from '../avatar.js';
import { useFileDrop } from '../composer/file_picking.js';
import { Composer } from '../composer/index.js';
import { useUploads } from '../composer/uploads.js';
import { NOTHING } from '../folding.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { go, messengerAddress } from '../routes.js';
import { historyOf, loadBackTo, loadOlder, otherOf } from '../store.js';
import { attempt, toast } from '../toasts.js';
import { html, useEffect, useMemo, useRef, useState } from '../ui.js';
import { Details } from './details.js';
import { draftOf, redraft, takeOut } from './draft.js';
import { onEscape } from './escape.js';
import { MessageList } from './message_list.js';
import { MessageMenu } from './message_menu.js';
import { Pins } from './pins.js';
import { reader } from './reading.js';
import { Search } from './search.js';
import { pin, recall, send } from './sending.js';
import { TextBox } from './text_box.js';

const PAGE = 200;
const CONTEXT = 20; // read messages that are loaded above the new ones

/**
 * @typedef {import('../folding.js').Message} Message
 * @typedef {{message: Message, x: number, y: number}} MenuAt
 *
 * @param {object} props
 * @param {import('../folding.js').User} props.person
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {(messageId: string) => void} props.showFrames those of a message, or with '' all
 */
export function Conversation({ person, conversation, showFrames }) {
  const { conversation_id: id } = conversation;
  const personId = person.user_id;
  const history = historyOf(id).value;
  const draft = draftOf(personId, id);
  const [menu, setMenu] = useState(/** @type {MenuAt | null} */ (null));
  const [open, setOpen] = useState(/** @type {'' | 'details' | 'composer' | 'search'} */ (''));
  const list = useRef(/** @type {import('./message_list.js').ListControls | null} */ (null));
  const markRead = useMemo(() => reader(personId), []);
  const onSent = (/** @type {import('./draft.js').Sent} */ sent) => {
    takeOut(draft, sent);
    list.current?.toEnd();
  };
  const { uploads, sendFiles } = useUploads(personId, id, onSent);
  const onFiles = (/** @type {File[]} */ files) => sendFiles(files, draft.peek().quoted);
  const { over, handlers } = useFileDrop(onFiles);
  const older = () => void attempt(() => loadOlder(personId, id));

  useEffect(() => {
    if (history === NOTHING) {
      void attempt(() => loadOlder(personId, id, Math.max(PAGE, conversation.unread + CONTEXT)));
    }
  }, [history === NOTHING]);

  const actions = useMemo(() => {
    const jumpTo = async (/** @type {string} */ messageId) => {
      const known = historyOf(id).peek().messages.find((one) => one.message_id === messageId);
      const found = known ?? (await attempt(() => call('GET', `/people/${personId}/messages/${messageId}`)));
      if (!found) return;
      if (found.conversation_id !== id) return go(messengerAddress(personId, found.conversation_id));
      await attempt(() => loadBackTo(personId, id, found.seq));
      list.current?.show(messageId);
    };
    return {
      openConversation: (/** @type {string} */ other) => go(messengerAddress(personId, other)),
      jumpTo,
      sendText: (/** @type {string} */ text) => attempt(() => send(personId, { conversation_id: id, text })),
      reply: (/** @type {Message} */ message) => redraft(draft, { quoted: message }),
      recall: (/** @type {Message} */ message) => attempt(() => recall(personId, message)),
      pin: (/** @type {Message} */ message) => attempt(() => pin(personId, message)),
      showFrames,
      toast,
    };
  }, []);

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => onEscape(event, () => go(messengerAddress(personId)));

  return html`
    <section class=${`conversation ${over ? 'over' : ''}`} aria-label=${conversation.name} onKeyDown=${onKeyDown} ...${handlers}>
      <${Head} conversation=${conversation} personId=${personId} setOpen=${setOpen} showWire=${() => showFrames('')} />
      ${open === 'search' && html`
        <${Search} personId=${personId} conversationId=${id} jumpTo=${actions.jumpTo} close=${() => setOpen('')} />`}
      <${Pins} personId=${personId} conversationId=${id} history=${history} jumpTo=${actions.jumpTo} />
      <${MessageList} person=${person} conversation=${conversation} history=${history} actions=${actions}
        controls=${list} markRead=${markRead} loadOlder=${older} openMenu=${setMenu} />
      <${TextBox} personId=${personId} conversation=${conversation} uploads=${uploads} onFiles=${onFiles}
        compose=${() => setOpen('composer')} onSent=${onSent} />
      ${menu && html`<${MessageMenu} ...${menu} personId=${personId} conversation=${conversation} actions=${actions}
        close=${() => setMenu(null)} />`}
    </section>
    ${open === 'composer' && html`
      <${Composer} person=${person} conversation=${conversation} quoted=${draft.peek().quoted} onSent=${onSent}
        close=${() => setOpen('')} />`}
    ${open === 'details' && html`
      <${Details} personId=${personId} conversation=${conversation} close=${() => setOpen('')} />`}`;
}

/**
 * @param {object} props
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {string} props.personId
 * @param {(what: 'details' | 'search') => void} props.setOpen
 * @param {() => void} props.showWire
 */
function Head({ conversation, personId, setOpen, showWire }) {
  const other = otherOf(conversation, personId);
  const { participants, category, name } = conversation;
  return html`
    <header class="line head">
      <a class="icon-button back" href=${messengerAddress(personId)} aria-label=${t('messenger.back')}><${Icon} name="back" /></a>
      <button class="who" type="button" onClick=${() => setOpen('details')} title=${t('messenger.details')}>
        <${Avatar} id=${other?.user_id ?? conversation.conversation_id} name=${name} bot=${other?.kind === 'bot'}
          url=${other?.avatar_url} />
        <span>
          <strong>${name || t('messenger.unnamed')}</strong>
          <span class="muted small">${category === 'GROUP'
            ? t('messenger.members', { count: participants.length })
            : other?.identity_number ?? ''}</span>
        </span>
      </button>
      <button class="icon-button" type="button" aria-label=${t('messenger.search_here')} title=${t('messenger.search_here')}
        onClick=${() => setOpen('search')}><${Icon} name="search" /></button>
      <button class="icon-button" type="button" aria-label=${t('messenger.wire_beside')} title=${t('messenger.wire_beside')}
        onClick=${showWire}><${Icon} name="wire" /></button>
      <button class="icon-button" type="button" aria-label=${t('messenger.details')} title=${t('messenger.details')}
        onClick=${() => setOpen('details')}><${Icon} name="info" /></button>
    </header>`;
}
