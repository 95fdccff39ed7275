// @ts-check
/** How a composed message is sent. */

import { t } from '../i18n.js';
import { html } from '../ui.js';

/** What lets messages disappear, in seconds. */
const EXPIRIES = [0, 30, 600, 7200, 86_400, 604_800];

/**
 * @param {object} props
 * @param {import('./sending.js').Options} props.options
 * @param {(options: import('./sending.js').Options) => void} props.setOptions
 * @param {boolean} props.encryptable
 * @param {import('../store.js').User[]} props.others who may be mentioned
 */
export function SendOptions({ options, setOptions, encryptable, others }) {
  /** @param {Partial<import('./sending.js').Options>} change */
  const set = (change) => setOptions({ ...options, ...change });
  return html`
    <fieldset class="composer-options">
      <legend class="visually-hidden">${t('composer.options')}</legend>
      <${Check} words=${t('composer.encrypted')} checked=${options.encrypted} disabled=${!encryptable}
        set=${(/** @type {boolean} */ encrypted) => set({ encrypted })} />
      <${Check} words=${t('composer.malformed')} checked=${options.malformed}
        set=${(/** @type {boolean} */ malformed) => set({ malformed })} />
      <${Check} words=${t('composer.silent')} checked=${options.silent}
        set=${(/** @type {boolean} */ silent) => set({ silent })} />
      <label>${t('composer.disappears')}
        <select class="field" value=${options.expireIn}
          onChange=${(/** @type {any} */ event) => set({ expireIn: Number(event.target.value) })}>
          ${EXPIRIES.map((seconds) => html`<option key=${seconds} value=${seconds}>${spell(seconds)}</option>`)}
        </select></label>
      ${others.map((user) => html`
        <${Check} key=${user.user_id} words=${t('composer.mention', { name: user.full_name })}
          checked=${options.mentions.includes(user.user_id)}
          set=${(/** @type {boolean} */ on) => set({ mentions: toggled(options.mentions, user.user_id, on) })} />`)}
    </fieldset>`;
}

/** @param {{words: string, checked: boolean, disabled?: boolean, set: (on: boolean) => void}} props */
const Check = ({ words, checked, disabled = false, set }) => html`
  <label><input type="checkbox" checked=${checked && !disabled} disabled=${disabled}
    onChange=${(/** @type {any} */ event) => set(event.target.checked)} />${words}</label>`;

/** @param {string[]} ids @param {string} id @param {boolean} on */
const toggled = (ids, id, on) => (on ? [...ids, id] : ids.filter((one) => one !== id));

/** @param {number} seconds */
const spell = (seconds) => (seconds ? t(`composer.after_${seconds}`) : t('composer.never'));
