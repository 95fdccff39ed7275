// @ts-check
/** A dialog over the page, which Escape closes. */

import { t } from './i18n.js';
import { Icon } from './icons.js';
import { html, useEffect, useId, useRef } from './ui.js';

/** @param {{title: string, close: () => void, children: any, className?: string}} props */
export function Dialog({ title, close, children, className = '' }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const titleId = useId();
  useEffect(() => element.current?.showModal(), []);
  return html`
    <dialog ref=${element} class=${`dialog ${className}`} aria-labelledby=${titleId} onClose=${close}
      onClick=${(/** @type {Event} */ event) => event.target === element.current && close()}
      onKeyDown=${(/** @type {Event} */ event) => event.stopPropagation() /* they are not meant for the page below */}>
      <div class="head">
        <h2 id=${titleId}>${title}</h2>
        <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${close}>
          <${Icon} name="close" /></button>
      </div>
      <div class="body">${children}</div>
    </dialog>`;
}
