// @ts-check
/** A conversation's details: who is in it, and what the person may change. */

import { call } from '../api.js';
import { Avatar } from '../avatar.js';
import { copyText } from '../clipboard.js';
import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { go, messengerAddress } from '../routes.js';
import { bots, loadConversation, loadUsers, otherOf, people } from '../store.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useRef, useState } from '../ui.js';
import { Picks } from './picks.js';

const MUTES = /** @type {const} */ ([[0, 'mute_off'], [8 * 3600, 'mute_hours'], [7 * 86_400, 'mute_week'], [365 * 86_400, 'mute_year']]);

/**
 * @typedef {import('../folding.js').Conversation} Conversation
 * @typedef {(path: string, body?: object) => Promise<any>} Change asks for a change of the conversation
 *
 * @param {{personId: string, conversation: Conversation, close: () => void}} props
 */
export function Details({ personId, conversation, close }) {
  const { conversation_id: id, category } = conversation;
  const role = conversation.participants.find((one) => one.user_id === personId)?.role ?? '';
  /** @type {Change} */
  const change = (path, body = {}) =>
    attempt(async () => {
      const answer = await call('POST', `/people/${personId}/conversations/${id}${path}`, body);
      await loadConversation(personId, id);
      return answer;
    });
  const leave = async () => {
    if (await change('/exit')) go(messengerAddress(personId));
  };
  return html`
    <${Dialog} title=${conversation.name || t('messenger.unnamed')} close=${close}>
      ${category === 'GROUP' && role && html`<${Texts} conversation=${conversation} change=${change} />`}
      ${category === 'GROUP' && !role && conversation.announcement && html`<p>${conversation.announcement}</p>`}
      <${Mute} conversation=${conversation} change=${change} />
      ${category === 'GROUP' && html`
        <${Code} conversation=${conversation} leads=${Boolean(role)} change=${change} />
        <${Members} conversation=${conversation} personId=${personId} role=${role} change=${change} />
        <div class="foot"><button class="button danger" type="button" onClick=${leave}>${t('messenger.leave')}</button></div>`}
      ${category === 'CONTACT' && html`
        <${Relationship} personId=${personId} userId=${otherOf(conversation, personId)?.user_id ?? ''} />`}
    <//>`;
}

/** @param {{conversation: Conversation, change: Change}} props */
function Texts({ conversation, change }) {
  const [name, setName] = useState(conversation.name);
  const [announcement, setAnnouncement] = useState(conversation.announcement);
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    void change('', { name, announcement });
  };
  return html`
    <form class="stack" onSubmit=${save}>
      <label class="label">${t('messenger.group_name')}
        <input class="field" name="name" maxlength="40" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label class="label">${t('messenger.announcement')}
        <textarea class="field" name="announcement" rows="2" value=${announcement}
          onInput=${(/** @type {any} */ event) => setAnnouncement(event.target.value)}></textarea></label>
      <div class="foot"><button class="button"
        disabled=${name === conversation.name && announcement === conversation.announcement}>${t('messenger.save')}</button></div>
    </form>`;
}

/** @param {{conversation: Conversation, change: Change}} props */
function Mute({ conversation, change }) {
  const left = Math.max(0, (Date.parse(conversation.mute_until) - Date.now()) / 1000);
  const chosen = MUTES.find(([seconds]) => seconds >= left - 60)?.[0] ?? MUTES[MUTES.length - 1][0];
  return html`
    <label class="label">${t('messenger.mute')}
      <select class="field" value=${chosen}
        onChange=${(/** @type {any} */ event) => change('/mute', { duration: Number(event.target.value) })}>
        ${MUTES.map(([seconds, name]) => html`<option key=${name} value=${seconds}>${t(`messenger.${name}`)}</option>`)}
      </select></label>`;
}

/** @param {{conversation: Conversation, leads: boolean, change: Change}} props */
function Code({ conversation, leads, change }) {
  const shown = useRef(/** @type {HTMLInputElement | null} */ (null));
  const copy = () => copyText(conversation.code_id, () => shown.current?.select());
  return html`
    <div class="stack">
      <label class="label">${t('messenger.group_code')}
        <input class="field" readonly ref=${shown} value=${conversation.code_id} /></label>
      <div class="foot">
        <button class="button" type="button" onClick=${copy}>${t('messenger.copy')}</button>
        ${leads && html`<button class="button" type="button" onClick=${() => change('/rotate')}>${t('messenger.code_new')}</button>`}
      </div>
    </div>`;
}

/** @param {{conversation: Conversation, personId: string, role: string, change: Change}} props */
function Members({ conversation, personId, role, change }) {
  const [adding, setAdding] = useState(false);
  const [picked, setPicked] = useState(/** @type {string[]} */ ([]));
  useEffect(() => void attempt(loadUsers), []);
  const members = new Set(conversation.participants.map((one) => one.user_id));
  const others = [...people.value, ...bots.value].filter((one) => !members.has(one.user_id));
  const act = (/** @type {string} */ action, /** @type {string[]} */ ids, given = '') =>
    change('/participants', { action, participants: ids.map((id) => ({ user_id: id, role: given })) });
  const add = async () => {
    if (await act('ADD', picked)) {
      setPicked([]);
      setAdding(false);
    }
  };
  return html`
    <section class="stack" aria-label=${t('messenger.group_members')}>
      <h3>${t('messenger.members', { count: conversation.participants.length })}</h3>
      <ul class="picks">
        ${conversation.participants.map((one) => html`
          <li key=${one.user_id} class="pick">
            <${Avatar} id=${one.user_id} name=${one.full_name} bot=${one.kind === 'bot'} url=${one.avatar_url} small />
            <span class="text" title=${one.full_name}>${one.full_name}</span>
            ${one.role && html`<span class="muted small">${t(`messenger.${one.role}`)}</span>`}
            ${role && one.role !== 'OWNER' && html`
              <span class="line">
                ${role === 'OWNER' && html`
                  <button class="button" type="button" onClick=${() => act('ROLE', [one.user_id], one.role ? '' : 'ADMIN')}>
                    ${t(one.role ? 'messenger.admin_end' : 'messenger.admin_make')}</button>`}
                ${one.user_id !== personId && html`
                  <button class="button danger" type="button" aria-label=${t('messenger.remove_name', { name: one.full_name })}
                    onClick=${() => act('REMOVE', [one.user_id])}>${t('messenger.remove')}</button>`}
              </span>`}
          </li>`)}
      </ul>
      ${adding && html`<${Picks} users=${others} picked=${picked} setPicked=${setPicked} />`}
      ${role && html`
        <div class="foot">
          ${adding
            ? html`<button class="button primary" type="button" disabled=${!picked.length} onClick=${add}>${t('messenger.add')}</button>`
            : html`<button class="button" type="button" onClick=${() => setAdding(true)}>${t('messenger.members_add')}</button>`}
        </div>`}
    </section>`;
}

/** @param {{personId: string, userId: string}} props */
function Relationship({ personId, userId }) {
  const [kind, setKind] = useState('');
  const path = `/people/${personId}/relationships`;
  useEffect(() => {
    void attempt(async () => {
      const { relationships } = await call('GET', path);
      setKind(relationships.find((/** @type {any} */ one) => one.user_id === userId)?.relationship ?? 'STRANGER');
    });
  }, []);
  const change = (/** @type {string} */ action) =>
    attempt(async () => setKind((await call('POST', path, { user_id: userId, action })).relationship));
  if (!kind) return null;
  const blocked = kind === 'BLOCKING';
  return html`
    <div class="foot">
      ${!blocked && html`<button class="button" type="button" onClick=${() => change(kind === 'FRIEND' ? 'REMOVE' : 'ADD')}>
        ${t(kind === 'FRIEND' ? 'messenger.friend_end' : 'messenger.friend_make')}</button>`}
      <button class="button danger" type="button" onClick=${() => change(blocked ? 'UNBLOCK' : 'BLOCK')}>
        ${t(blocked ? 'messenger.unblock' : 'messenger.block')}</button>
    </div>`;
}
