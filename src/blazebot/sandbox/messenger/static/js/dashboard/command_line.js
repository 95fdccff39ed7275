// @ts-check
/** A command line that can be copied. */

import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { toast } from '../toasts.js';
import { html, useId, useRef } from '../ui.js';

/** @param {{label: string, command: string}} props */
export function CommandLine({ label, command }) {
  const shown = useRef(/** @type {HTMLElement | null} */ (null));
  const labelId = useId();

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      toast(t('dashboard.copied'));
    } catch { // beyond loopback, without TLS, pages have no clipboard
      if (shown.current) getSelection()?.selectAllChildren(shown.current);
      toast(t('dashboard.copy_yourself'));
    }
  };

  return html`
    <div class="command" role="group" aria-labelledby=${labelId}>
      <p class="small" id=${labelId}>${label}</p>
      <pre tabindex="0"><code ref=${shown}>${command}</code></pre>
      <button class="icon-button" type="button" aria-label=${t('dashboard.copy')} title=${t('dashboard.copy')} onClick=${copy}>
        <${Icon} name="copy" /></button>
    </div>`;
}
