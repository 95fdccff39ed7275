// @ts-check
/** Copies text, and says whether it could. */

import { t } from './i18n.js';
import { toast } from './toasts.js';

/**
 * @param {string} text
 * @param {() => void} [select] marks the text on the page, so that a key copies it
 */
export async function copyText(text, select = () => {}) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('shell.copied'));
  } catch { // beyond loopback, without TLS, pages have no clipboard
    select();
    toast(t('shell.copy_yourself'));
  }
}
