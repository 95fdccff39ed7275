// @ts-check
/** Begins a conversation: with a bot or a person, with a group, or with a group's code. */

import { call } from '../api.js';
import { beginConversation, conversationWith } from '../beginning.js';
import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { go, messengerAddress } from '../routes.js';
import { bots, loadConversations, loadUsers, people } from '../store.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useState } from '../ui.js';
import { Picks, UserButtons } from './picks.js';

const WAYS = /** @type {const} */ (['bot', 'person', 'group', 'code']);

/** @typedef {import('../folding.js').User} User */

/** @param {{personId: string, close: () => void}} props */
export function NewConversation({ personId, close }) {
  const [way, setWay] = useState(/** @type {typeof WAYS[number]} */ ('bot'));
  useEffect(() => void attempt(loadUsers), []);
  const begin = async (/** @type {() => Promise<string>} */ ask) => {
    const id = await attempt(ask);
    if (!id) return;
    await attempt(() => loadConversations(personId));
    close();
    go(messengerAddress(personId, id));
  };
  const post = (/** @type {string} */ path, /** @type {object} */ body) =>
    begin(async () => (await call('POST', `/people/${personId}/${path}`, body)).conversation_id);
  const others = people.value.filter((one) => one.user_id !== personId);
  return html`
    <${Dialog} title=${t('messenger.new')} close=${close}>
      <div class="ways" role="tablist">
        ${WAYS.map((one) => html`
          <button key=${one} type="button" role="tab" aria-selected=${one === way} onClick=${() => setWay(one)}>
            ${t(`messenger.new_${one}`)}</button>`)}
      </div>
      ${way === 'bot' && (bots.value.length
        ? html`<${UserButtons} users=${bots.value} pick=${(/** @type {User} */ bot) => begin(() => beginConversation(personId, bot))} />`
        : html`<p class="muted">${t('messenger.no_bots')} <a href="#/dashboard">${t('shell.dashboard')}</a></p>`)}
      ${way === 'person' && (others.length
        ? html`<${UserButtons} users=${others} pick=${(/** @type {User} */ one) =>
            begin(async () => conversationWith(one.user_id)?.conversation_id ?? beginConversation(personId, one))} />`
        : html`<p class="muted">${t('messenger.nobody_else')}</p>`)}
      ${way === 'group' && html`<${NewGroup} others=${[...others, ...bots.value]}
        create=${(/** @type {object} */ group) => post('conversations', group)} />`}
      ${way === 'code' && html`<${JoinGroup} join=${(/** @type {string} */ code) => post('join', { code_id: code })} />`}
    <//>`;
}

/** @param {{others: User[], create: (group: object) => void}} props */
function NewGroup({ others, create }) {
  const [name, setName] = useState('');
  const [picked, setPicked] = useState(/** @type {string[]} */ ([]));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    create({ name: name.trim(), participants: picked });
  };
  return html`
    <form class="stack" onSubmit=${submit}>
      <label class="label">${t('messenger.group_name')}
        <input class="field" name="group" required maxlength="40" autocomplete="off" value=${name}
          onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <${Picks} users=${others} picked=${picked} setPicked=${setPicked} />
      <div class="foot"><button class="button primary">${t('messenger.group_create')}</button></div>
    </form>`;
}

/** @param {{join: (code: string) => void}} props */
function JoinGroup({ join }) {
  const [code, setCode] = useState('');
  return html`
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); join(code.trim()); }}>
      <label class="label">${t('messenger.group_code')}
        <input class="field" name="code" required autocomplete="off" value=${code}
          onInput=${(/** @type {any} */ event) => setCode(event.target.value)} /></label>
      <div class="foot"><button class="button primary">${t('messenger.group_join')}</button></div>
    </form>`;
}
