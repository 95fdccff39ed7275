// @ts-check
/** Users to choose among. */

import { Avatar } from '../avatar.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';

const SEARCHED_FROM = 8;
const MOST = 100;

/** @typedef {import('../folding.js').User} User */

/** @param {{user: User}} props */
const Identity = ({ user }) => html`
  <${Avatar} id=${user.user_id} name=${user.full_name} bot=${user.kind === 'bot'} url=${user.avatar_url} small />
  <span class="text" title=${user.full_name}>${user.full_name}</span><span class="muted small">${user.identity_number}</span>`;

/**
 * Find some among many by their name.
 * @param {User[]} users
 * @returns {{found: User[], search: any}} `search` is the field, where one is of use
 */
function useSearch(users) {
  const [wanted, setWanted] = useState('');
  const found = users.filter((one) => one.full_name.toLowerCase().includes(wanted.toLowerCase())).slice(0, MOST);
  const search = users.length > SEARCHED_FROM && html`
    <input class="field" type="search" placeholder=${t('messenger.people_search')} aria-label=${t('messenger.people_search')}
      value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />`;
  return { found, search };
}

/** One to choose. @param {{users: User[], pick: (user: User) => void}} props */
export function UserButtons({ users, pick }) {
  const { found, search } = useSearch(users);
  return html`
    ${search}
    <div class="picks">
      ${found.map((one) => html`
        <button key=${one.user_id} class="pick" type="button" onClick=${() => pick(one)}><${Identity} user=${one} /></button>`)}
    </div>`;
}

/** Several to choose. @param {{users: User[], picked: string[], setPicked: (ids: string[]) => void}} props */
export function Picks({ users, picked, setPicked }) {
  const { found, search } = useSearch(users);
  const toggle = (/** @type {string} */ id) =>
    setPicked(picked.includes(id) ? picked.filter((one) => one !== id) : [...picked, id]);
  return html`
    ${search}
    <fieldset class="picks">
      <legend class="visually-hidden">${t('messenger.group_members')}</legend>
      ${found.map((one) => html`
        <label key=${one.user_id} class="pick">
          <input type="checkbox" checked=${picked.includes(one.user_id)} onChange=${() => toggle(one.user_id)} />
          <${Identity} user=${one} /></label>`)}
    </fieldset>`;
}
