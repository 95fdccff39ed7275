// @ts-check
/** Gives a bot a new session: its keystore is saved once, with a command line that runs the bot. */

import { call } from '../api.js';
import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { attempt } from '../toasts.js';
import { html, useState } from '../ui.js';
import { CommandLine } from './command_line.js';
import { echoCommand, keystoreFile, projectCommand } from './commands.js';

/** Shapes of a keystore, each with its kind of key. */
const FORMS = /** @type {const} */ ([
  ['app', 'Ed25519'],
  ['ed25519', 'Ed25519'],
  ['network-user', 'Ed25519'],
  ['rsa', 'RSA'],
]);

/** @param {{bot: import('./use_bots.js').Bot, close: () => void}} props */
export function SessionDialog({ bot, close }) {
  const [form, setForm] = useState('app');
  const [file, setFile] = useState('');
  const [busy, setBusy] = useState(false);

  /** @param {Event} event */
  const issue = async (event) => {
    event.preventDefault();
    setBusy(true);
    const keystore = await attempt(() => call('POST', `/bots/${bot.user_id}/sessions`, { form }));
    setBusy(false);
    if (!keystore) return;
    const name = keystoreFile(bot, keystore.session_id);
    save(name, `${JSON.stringify(keystore, null, 2)}\n`);
    setFile(name);
  };

  if (file) return html`<${Saved} bot=${bot} file=${file} close=${close} />`;
  return html`
    <${Dialog} title=${t('dashboard.session_title', { name: bot.full_name })} close=${close}>
      <form onSubmit=${issue}>
        <fieldset class="forms">
          <legend class="small muted">${t('dashboard.form')}</legend>
          ${FORMS.map(([name, key]) => html`
            <label key=${name}>
              <input type="radio" name="form" value=${name} checked=${form === name} onChange=${() => setForm(name)} />
              <span><b>${key}</b> <code>${name}</code><br /><span class="muted small">${t(`dashboard.form_${name}`)}</span></span>
            </label>`)}
        </fieldset>
        <p class="small">${bot.session_id ? t('dashboard.session_ends') : t('dashboard.session_once')}</p>
        <div class="foot">
          <button class="button" type="button" onClick=${close}>${t('dashboard.cancel')}</button>
          <button class="button primary" disabled=${busy}>${t('dashboard.generate')}</button>
        </div>
      </form>
    <//>`;
}

/** @param {{bot: {full_name: string}, file: string, close: () => void}} props */
const Saved = ({ bot, file, close }) => html`
  <${Dialog} title=${t('dashboard.saved_title')} close=${close} className="saved">
    <p>${t('dashboard.saved_words', { file })}</p>
    <${CommandLine} label=${t('dashboard.run_echo')} command=${echoCommand(location.origin, file)} />
    <${CommandLine} label=${t('dashboard.run_project')} command=${projectCommand(location.origin, file, bot)} />
    <p class="muted small">${t('dashboard.run_note')}</p>
    <div class="foot"><button class="button primary" type="button" onClick=${close}>${t('dashboard.done')}</button></div>
  <//>`;

/**
 * @param {string} name
 * @param {string} text
 */
function save(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // by then it has been read
}
