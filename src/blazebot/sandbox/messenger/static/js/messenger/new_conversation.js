// @ts-check
/** Begins a conversation: with a bot, with a group, or with a group's code. */

import { call } from '../api.js';
import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { go, messengerAddress } from '../routes.js';
import { bots, loadConversations, loadUsers, people } from '../store.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useState } from '../ui.js';
import { Picks, UserButton } from './picks.js';

const WAYS = /** @type {const} */ (['bot', 'group', 'code']);

/** @param {{personId: string, close: () => void}} props */
export function NewConversation({ personId, close }) {
  const [way, setWay] = useState(/** @type {typeof WAYS[number]} */ ('bot'));
  useEffect(() => void attempt(loadUsers), []);
  const begin = async (/** @type {string} */ path, /** @type {object} */ body) => {
    const begun = await attempt(() => call('POST', `/people/${personId}/${path}`, body));
    if (!begun) return;
    await attempt(() => loadConversations(personId));
    close();
    go(messengerAddress(personId, begun.conversation_id));
  };
  return html`
    <${Dialog} title=${t('messenger.new')} close=${close}>
      <div class="ways" role="tablist">
        ${WAYS.map((one) => html`
          <button key=${one} type="button" role="tab" aria-selected=${one === way} onClick=${() => setWay(one)}>
            ${t(`messenger.new_${one}`)}</button>`)}
      </div>
      ${way === 'bot' && html`<${AddBot} begin=${(/** @type {string} */ id) => begin('friends', { user_id: id })} />`}
      ${way === 'group' && html`<${NewGroup} personId=${personId}
        begin=${(/** @type {object} */ group) => begin('conversations', group)} />`}
      ${way === 'code' && html`<${JoinGroup} begin=${(/** @type {string} */ code) => begin('join', { code_id: code })} />`}
    <//>`;
}

/** @param {{begin: (botId: string) => void}} props */
const AddBot = ({ begin }) =>
  bots.value.length
    ? html`<div class="picks">
        ${bots.value.map((one) => html`<${UserButton} key=${one.user_id} user=${one} onClick=${() => begin(one.user_id)} />`)}
      </div>`
    : html`<p class="muted">${t('messenger.no_bots')} <a href="#/dashboard">${t('shell.dashboard')}</a></p>`;

/** @param {{personId: string, begin: (group: object) => void}} props */
function NewGroup({ personId, begin }) {
  const [name, setName] = useState('');
  const [picked, setPicked] = useState(/** @type {string[]} */ ([]));
  const others = [...people.value, ...bots.value].filter((one) => one.user_id !== personId);
  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    begin({ name: name.trim(), participants: picked });
  };
  return html`
    <form class="stack" onSubmit=${create}>
      <label class="label">${t('messenger.group_name')}
        <input class="field" name="group" required maxlength="40" autocomplete="off" value=${name}
          onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <${Picks} users=${others} picked=${picked} setPicked=${setPicked} />
      <div class="foot"><button class="button primary">${t('messenger.group_create')}</button></div>
    </form>`;
}

/** @param {{begin: (code: string) => void}} props */
function JoinGroup({ begin }) {
  const [code, setCode] = useState('');
  return html`
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); begin(code.trim()); }}>
      <label class="label">${t('messenger.group_code')}
        <input class="field" name="code" required autocomplete="off" value=${code}
          onInput=${(/** @type {any} */ event) => setCode(event.target.value)} /></label>
      <div class="foot"><button class="button primary">${t('messenger.group_join')}</button></div>
    </form>`;
}
