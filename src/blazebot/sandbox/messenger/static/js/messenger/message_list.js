// @ts-check
/** The messages of a conversation, with days, and a line where the new ones begin. */

import { placeOf } from '../folding.js';
import { dayName } from '../format.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { MessageBody } from '../messages/index.js';
import { nameOf } from '../messages/names.js';
import { summary } from '../messages/summary.js';
import { html, useEffect, useMemo, useRef, useState } from '../ui.js';
import { Bubble } from './bubble.js';
import { firstUnread, isShown, rowsOf } from './rows.js';
import { VirtualList } from './virtual_list.js';

const ESTIMATE = 56; // px
const FLASH_MS = 1600;

/**
 * @typedef {{show: (messageId: string) => void, toEnd: () => void}} ListControls
 *
 * @param {object} props
 * @param {import('../folding.js').User} props.person
 * @param {import('../folding.js').Conversation} props.conversation
 * @param {import('../folding.js').History} props.history
 * @param {any} props.actions
 * @param {{current: ListControls | null}} props.controls
 * @param {(messages: readonly import('../folding.js').Message[], seq: number) => void} props.markRead
 * @param {() => void} props.loadOlder
 * @param {(at: import('./conversation.js').MenuAt) => void} props.openMenu
 */
export function MessageList({ person, conversation, history, actions, controls, markRead, loadOlder, openMenu }) {
  const personId = person.user_id;
  const begun = history.messages.length > 0 || history.complete;
  const newFrom = useNewFrom(history, personId, begun);
  const rows = useMemo(() => rowsOf(history.messages, newFrom), [history, newFrom]);
  const [flash, setFlash] = useState('');
  const [atEnd, setAtEnd] = useState(true);
  const list = useRef(/** @type {import('./virtual_list.js').Controls | null} */ (null));
  const seen = useRef(0);

  controls.current = {
    show: (messageId) => {
      list.current?.toRow(messageId);
      setFlash(messageId);
    },
    toEnd: () => list.current?.toEnd(),
  };
  useEffect(() => {
    const timer = setTimeout(() => setFlash(''), FLASH_MS);
    return () => clearTimeout(timer);
  }, [flash]);

  const read = () => {
    if (document.visibilityState === 'visible' && seen.current) markRead(history.messages, seen.current);
  };
  useEffect(() => {
    document.addEventListener('visibilitychange', read);
    return () => document.removeEventListener('visibilitychange', read);
  });

  const onSeen = (/** @type {number} */ first, /** @type {number} */ last, /** @type {boolean} */ end) => {
    setAtEnd(end);
    const row = /** @type {import('./rows.js').MessageRow | undefined} */ (
      rows.slice(first, last + 1).findLast((one) => 'message' in one));
    if (row) seen.current = end ? history.messages[history.messages.length - 1].seq : row.message.seq;
    read();
  };

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const key = /** @type {HTMLElement} */ (event.target).closest('[data-key]')?.getAttribute('data-key');
    if (step) {
      event.preventDefault();
      const at = key ? rows.findIndex((one) => one.key === key) : rows.length;
      const next = rows[at + step];
      if (next) list.current?.focus(next.key);
    } else if (event.key === 'Enter' && event.target instanceof HTMLElement && event.target.matches('[data-key]')) {
      event.preventDefault();
      event.target.querySelector('button.more')?.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    }
  };

  const draw = (/** @type {import('./rows.js').Row} */ row) => {
    if (row.kind === 'day') return html`<p class="divider"><span>${dayName(row.day)}</span></p>`;
    if (row.kind === 'new') return html`<p class="divider new"><span>${t('messenger.new_messages')}</span></p>`;
    if (row.kind === 'line') {
      return html`<div class="divider line-row"><${MessageBody} message=${row.message} person=${person} actions=${actions} /></div>`;
    }
    return html`<${Bubble} row=${row} person=${person} conversation=${conversation} actions=${actions}
      openMenu=${openMenu} flash=${flash === row.key} />`;
  };

  if (!begun) return html`<div class="messages" aria-busy="true"></div>`;
  return html`
    <div class="messages">
      <${VirtualList} rows=${rows} estimate=${ESTIMATE} draw=${draw} controls=${list} onSeen=${onSeen}
        startAt=${newFrom === null ? undefined : 'new'} label=${t('messenger.messages')} onKeyDown=${onKeyDown}
        onNearTop=${() => history.complete || loadOlder()} />
      ${!atEnd && html`
        <button class="to-end" type="button" title=${t('messenger.to_end')} onClick=${() => list.current?.toEnd()}>
          <${Icon} name="down" /><span class="visually-hidden">${t('messenger.to_end')}</span>
          ${conversation.unread > 0 && html`<span class="badge">${conversation.unread}</span>`}</button>`}
      <${Announcer} messages=${history.messages} personId=${personId} />
    </div>`;
}

/**
 * Return where the new messages begin: those that were not read when the conversation was opened, or
 * that came while nobody looked.
 * @param {import('../folding.js').History} history
 * @param {string} personId
 * @param {boolean} begun whether messages have been loaded
 */
function useNewFrom(history, personId, begun) {
  const newFrom = useRef(/** @type {number | null} */ (null));
  const settled = useRef(false);
  if (begun && !settled.current) {
    newFrom.current = firstUnread(history.messages, personId);
    settled.current = true;
  } else if (begun && document.hidden) {
    const first = firstUnread(history.messages, personId);
    if (first !== null && first > (newFrom.current ?? 0) && allReadBefore(history, personId, first)) newFrom.current = first;
  }
  return newFrom.current;
}

/**
 * @param {import('../folding.js').History} history
 * @param {string} personId
 * @param {number} seq
 */
const allReadBefore = ({ messages }, personId, seq) =>
  messages.slice(0, placeOf(messages, seq)).every((one) => one.user_id === personId || one.status === 'READ');

/**
 * Says what comes in to who cannot see it.
 * @param {object} props
 * @param {readonly import('../folding.js').Message[]} props.messages
 * @param {string} props.personId
 */
function Announcer({ messages, personId }) {
  const last = messages[messages.length - 1];
  const first = useRef(last?.seq ?? 0);
  const said = last && last.seq > first.current && last.user_id !== personId && isShown(last);
  return html`
    <p class="visually-hidden" aria-live="polite">
      ${said && `${nameOf(last.user_id)}: ${summary(last, personId)}`}</p>`;
}
