// @ts-check
/** What pressing a button or a card does: it sends a text, or opens an address on the web. */

import { t } from '../i18n.js';
import { html } from '../ui.js';
import { webAddress } from './addresses.js';

const INPUT = /^input:/i;

/**
 * Something to press.
 * @param {object} props
 * @param {string} props.action
 * @param {import('./index.js').Actions} props.actions
 * @param {any} props.children
 * @param {string} [props.className]
 * @param {any} [props.style]
 */
export function Pressable({ action, actions, children, className, style }) {
  const href = webAddress(action);
  if (href) {
    return html`<a class=${className} style=${style} href=${href} target="_blank" rel="noopener noreferrer"
      title=${action}>${children}</a>`;
  }
  const press = () => {
    if (INPUT.test(action)) actions.sendText(action.replace(INPUT, ''));
    else actions.toast(t('messages.not_opened', { action }));
  };
  return html`<button class=${className} style=${style} type="button" onClick=${press}>${children}</button>`;
}
