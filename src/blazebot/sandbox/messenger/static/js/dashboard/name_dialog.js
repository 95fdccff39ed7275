// @ts-check
/** Asks for a bot's name. */

import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';

const LONGEST = 64;

/**
 * @param {{title: string, action: string, name: string, done: (name: string) => void, close: () => void}} props
 *   `done` gets the name without blanks around it
 */
export function NameDialog({ title, action, name, done, close }) {
  const [text, setText] = useState(name);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    done(text.trim());
  };
  return html`
    <${Dialog} title=${title} close=${close}>
      <form onSubmit=${submit}>
        <label class="label">${t('dashboard.name')}
          <input class="field" value=${text} maxlength=${LONGEST} required autofocus
            onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
        <div class="foot">
          <button class="button" type="button" onClick=${close}>${t('dashboard.cancel')}</button>
          <button class="button primary" disabled=${!text.trim()}>${action}</button>
        </div>
      </form>
    <//>`;
}
