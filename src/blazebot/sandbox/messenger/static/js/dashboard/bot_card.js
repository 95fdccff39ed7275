// @ts-check
/** One bot: picture and name, how it is doing, and what its developer can do. */

import { call, upload } from '../api.js';
import { Avatar } from '../avatar.js';
import { Dialog } from '../dialog.js';
import { number } from '../format.js';
import { t } from '../i18n.js';
import { attempt } from '../toasts.js';
import { html, useRef, useState } from '../ui.js';
import { NameDialog } from './name_dialog.js';
import { Plot } from './plot.js';
import { SessionDialog } from './session_dialog.js';

/** @typedef {import('./use_bots.js').Bot} Bot */

/** @param {{bot: Bot, rates: import('./rates.js').Rate[], refresh: () => void}} props */
export function BotCard({ bot, rates, refresh }) {
  const [open, setOpen] = useState('');
  const close = () => setOpen('');

  /** @param {() => Promise<unknown>} act */
  const change = async (act) => {
    if (!(await attempt(act))) return;
    close();
    refresh();
  };
  const path = `/bots/${bot.user_id}`;

  return html`
    <li class="card" aria-label=${bot.full_name}>
      <div class="who">
        <${PictureButton} bot=${bot} refresh=${refresh} />
        <div class="names">
          <h2 title=${bot.full_name}>${bot.full_name}</h2>
          <p class="muted small">${bot.identity_number}</p>
        </div>
        <p class=${`line ${bot.connected ? 'connected' : ''}`}>
          ${t(bot.connected ? 'dashboard.connected' : 'dashboard.not_connected')}</p>
      </div>
      <${Figures} bot=${bot} />
      <${Plot} rates=${rates} />
      <div class="actions">
        <button class="button primary" type="button" onClick=${() => setOpen('session')}>${t('dashboard.new_session')}</button>
        <button class="button" type="button" onClick=${() => setOpen('rename')}>${t('dashboard.rename')}</button>
        ${bot.avatar_url && html`
          <button class="button" type="button" onClick=${() => change(() => call('DELETE', `${path}/avatar`))}>
            ${t('dashboard.remove_picture')}</button>`}
        <button class="button danger" type="button" onClick=${() => setOpen('delete')}>${t('dashboard.delete')}</button>
      </div>
      ${open === 'session' && html`<${SessionDialog} bot=${bot} close=${() => { close(); refresh(); }} />`}
      ${open === 'rename' && html`
        <${NameDialog} title=${t('dashboard.rename')} action=${t('dashboard.save')} name=${bot.full_name}
          done=${(/** @type {string} */ name) => change(() => call('POST', path, { full_name: name }))} close=${close} />`}
      ${open === 'delete' && html`
        <${Dialog} title=${t('dashboard.delete_title', { name: bot.full_name })} close=${close}>
          <p>${t('dashboard.delete_words')}</p>
          <div class="foot">
            <button class="button" type="button" onClick=${close}>${t('dashboard.cancel')}</button>
            <button class="button danger" type="button" onClick=${() => change(() => call('DELETE', path))}>
              ${t('dashboard.delete')}</button>
          </div>
        <//>`}
    </li>`;
}

/** @param {{bot: Bot, refresh: () => void}} props */
function PictureButton({ bot, refresh }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const words = t('dashboard.choose_picture', { name: bot.full_name });

  /** @param {any} event */
  const choose = async ({ target }) => {
    const [file] = target.files;
    target.value = ''; // the same file may be chosen again
    if (file && (await attempt(() => upload(`/bots/${bot.user_id}/avatar`, file)))) refresh();
  };

  return html`
    <button class="picture" type="button" aria-label=${words} title=${words} onClick=${() => input.current?.click()}>
      <${Avatar} id=${bot.user_id} name=${bot.full_name} url=${bot.avatar_url} bot />
    </button>
    <input ref=${input} type="file" accept="image/png,image/jpeg,image/gif,image/webp" hidden onChange=${choose} />`;
}

/** @param {{bot: Bot}} props */
const Figures = ({ bot }) => html`
  <dl class="figures">
    <div><dt>${t('dashboard.pending')}</dt><dd>${number(bot.pending)}</dd></div>
    <div><dt>${t('dashboard.unacknowledged')}</dt><dd>${number(bot.unacknowledged)}</dd></div>
    <div>
      <dt>${t('dashboard.quota')}</dt>
      <dd>${number(bot.quota_used)} / ${number(bot.quota)}
        <progress max=${bot.quota} value=${bot.quota_used} aria-label=${t('dashboard.quota')}></progress></dd>
    </div>
  </dl>`;
