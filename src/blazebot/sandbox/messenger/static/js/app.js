// @ts-check
/** The shell: three places, people, connection, language and theme. */

import { Dashboard } from './dashboard/index.js';
import { connection } from './following.js';
import { LANGUAGES, chooseLanguage, language, t } from './i18n.js';
import { Icon } from './icons.js';
import { Messenger } from './messenger/index.js';
import { PeopleBar } from './messenger/people_bar.js';
import { messengerAddress, route } from './routes.js';
import { person } from './store.js';
import { switchTheme } from './theme.js';
import { Toasts } from './toasts.js';
import { html } from './ui.js';
import { Wire } from './wire/index.js';

const PLACES = /** @type {const} */ ([
  ['messenger', 'chat'],
  ['dashboard', 'dashboard'],
  ['wire', 'wire'],
]);

/** The whole page. */
export function App() {
  const { place, conversation } = route.value;
  return html`
    <div class=${`shell ${place === 'messenger' && conversation ? 'inside' : ''}`}>
      <${Places} place=${place} />
      <header class="top">
        ${place === 'messenger' ? html`<h1 class="visually-hidden">${t('shell.messenger')}</h1><${PeopleBar} />` : html`<h1 class="fill">${t(`shell.${place}`)}</h1>`}
        <${ConnectionState} />
        <select class="field language" aria-label=${t('shell.language')} value=${language.value}
          onChange=${(/** @type {any} */ event) => chooseLanguage(event.target.value)}>
          ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} key=${code}>${name}</option>`)}
        </select>
        <button class="icon-button" type="button" aria-label=${t('shell.theme')} title=${t('shell.theme')}
          onClick=${switchTheme}><${Icon} name="theme" /></button>
      </header>
      <main class="place">
        ${place === 'messenger' && html`<${Messenger} />`}
        ${place === 'dashboard' && html`<${Dashboard} />`}
        ${place === 'wire' && html`<${Wire} />`}
      </main>
      <${Toasts} />
    </div>`;
}

/** @param {{place: string}} props */
const Places = ({ place }) => html`
  <nav class="places" aria-label=${t('shell.places')}>
    <span class="brand"><img src="/messenger/icon.svg" alt="" /></span>
    ${PLACES.map(([name, icon]) => html`
      <a key=${name} aria-current=${name === place ? 'page' : undefined}
        href=${name === 'messenger' ? messengerAddress(person.value?.user_id) : `#/${name}`}>
        <${Icon} name=${icon} /><span>${t(`shell.${name}`)}</span></a>`)}
  </nav>`;

function ConnectionState() {
  const state = connection.value;
  const words = t(`shell.connection_${state}`);
  return html`<span class=${`state ${state}`} role="status" title=${words}><span>${words}</span></span>`;
}
