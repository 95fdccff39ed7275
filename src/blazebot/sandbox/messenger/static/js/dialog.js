// @ts-check
/** A dialog over the page, which Escape closes. */

import { t } from './i18n.js';
import { Icon } from './icons.js';
import { html, useId, useLayoutEffect, useRef } from './ui.js';

/** @param {{title: string, close: () => void, children: any, className?: string}} props */
export function Dialog({ title, close, children, className = '' }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const titleId = useId();
  const pressedOutside = useRef(false); // a selection may begin inside and end there
  useLayoutEffect(() => {
    const dialog = /** @type {HTMLDialogElement} */ (element.current);
    dialog.showModal();
    return () => dialog.close(); // the focus goes back to where it was
  }, []);
  const isOutside = (/** @type {Event} */ event) => event.target === element.current;
  return html`
    <dialog ref=${element} class=${`dialog ${className}`} aria-labelledby=${titleId}
      onClose=${() => element.current && close() /* not once it is gone */}
      onPointerDown=${(/** @type {Event} */ event) => { pressedOutside.current = isOutside(event); }}
      onClick=${(/** @type {Event} */ event) => pressedOutside.current && isOutside(event) && close()}
      onKeyDown=${(/** @type {Event} */ event) => event.stopPropagation() /* they are not meant for the page below */}>
      <div class="head">
        <h2 id=${titleId}>${title}</h2>
        <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${close}>
          <${Icon} name="close" /></button>
      </div>
      <div class="body">${children}</div>
    </dialog>`;
}
