// @ts-check
/** The people, to switch between; as links, so that each may have a tab of their own. */

import { call } from '../api.js';
import { Avatar } from '../avatar.js';
import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { go, messengerAddress, route } from '../routes.js';
import { loadUsers, people } from '../store.js';
import { attempt } from '../toasts.js';
import { html, useState } from '../ui.js';

const MOST = 12; // in the bar; all are in the dialog

/** The bar at the top. */
export function PeopleBar() {
  const [open, setOpen] = useState(false);
  const current = route.value.person;
  const shown = people.value.slice(0, MOST);
  const here = people.value.find((one) => one.user_id === current);
  if (here && !shown.includes(here)) shown.unshift(here);
  return html`
    <nav class="fill people" aria-label=${t('messenger.people')}>
      <div class="chips">
        ${shown.map((one) => html`<${PersonLink} key=${one.user_id} user=${one} current=${one.user_id === current} />`)}
      </div>
      <button class="icon-button" type="button" aria-label=${t('messenger.people_all')} title=${t('messenger.people_all')}
        onClick=${() => { void attempt(loadUsers); setOpen(true); }}><${Icon} name="people" /></button>
    </nav>
    ${open && html`<${PeopleDialog} current=${current} close=${() => setOpen(false)} />`}`;
}

/** @param {{user: import('../folding.js').User, current: boolean, onClick?: () => void}} props */
const PersonLink = ({ user, current, onClick }) => html`
  <a class="chip" href=${messengerAddress(user.user_id)} aria-current=${current ? 'true' : undefined} onClick=${onClick}
    title=${t('messenger.person_hint', { name: user.full_name })}>
    <${Avatar} id=${user.user_id} name=${user.full_name} url=${user.avatar_url} small />
    <span>${user.full_name}</span></a>`;

/** @param {{current: string, close: () => void}} props */
function PeopleDialog({ current, close }) {
  const [wanted, setWanted] = useState('');
  const found = people.value.filter((one) => one.full_name.toLowerCase().includes(wanted.toLowerCase())).slice(0, 100);
  return html`
    <${Dialog} title=${t('messenger.people')} close=${close}>
      <${NewPerson} done=${close} />
      ${people.value.length > MOST && html`
        <input class="field" type="search" placeholder=${t('messenger.people_search')} aria-label=${t('messenger.people_search')}
          value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />`}
      <div class="picks">
        ${found.map((one) => html`<${PersonLink} key=${one.user_id} user=${one} current=${one.user_id === current} onClick=${close} />`)}
      </div>
      <p class="muted small">${t('messenger.people_tabs')}</p>
    <//>`;
}

/** @param {{done?: () => void}} props */
export function NewPerson({ done = () => {} }) {
  const [name, setName] = useState('');
  const create = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const created = await attempt(() => call('POST', '/people', { full_name: name.trim() }));
    if (!created) return;
    people.value = [...people.value, created];
    go(messengerAddress(created.user_id));
    done();
  };
  return html`
    <form class="line" onSubmit=${create}>
      <input class="field" name="name" maxlength="64" autocomplete="off" placeholder=${t('messenger.person_name')}
        aria-label=${t('messenger.person_name')} value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
      <button class="button primary">${t('messenger.person_create')}</button>
    </form>`;
}
