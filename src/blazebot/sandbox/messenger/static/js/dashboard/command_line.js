// @ts-check
/** A command line that can be copied. */

import { copyText } from '../clipboard.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { html, useId, useRef } from '../ui.js';

/** @param {{label: string, command: string}} props */
export function CommandLine({ label, command }) {
  const shown = useRef(/** @type {HTMLElement | null} */ (null));
  const labelId = useId();

  const copy = () =>
    copyText(command, () => shown.current && getSelection()?.selectAllChildren(shown.current));

  return html`
    <div class="command" role="group" aria-labelledby=${labelId}>
      <p class="small" id=${labelId}>${label}</p>
      <pre tabindex="0"><code ref=${shown}>${command}</code></pre>
      <button class="icon-button" type="button" aria-label=${t('dashboard.copy')} title=${t('dashboard.copy')} onClick=${copy}>
        <${Icon} name="copy" /></button>
    </div>`;
}
