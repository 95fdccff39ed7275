// @ts-check
/** How people hand over files: by a button, by dropping them, by pasting them. */

import { Icon } from '../icons.js';
import { html, useRef, useState } from '../ui.js';

/**
 * @param {{label: string, onFiles: (files: File[]) => void, accept?: string, multiple?: boolean,
 *   className?: string, children?: any}} props
 */
export function FileButton({
  label, onFiles, accept, multiple = true, className = 'icon-button', children = html`<${Icon} name="attach" />`,
}) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const picked = (/** @type {any} */ event) => {
    onFiles([...event.target.files]);
    event.target.value = ''; // the same file may be picked again
  };
  return html`
    <button class=${className} type="button" aria-label=${label} title=${label}
      onClick=${() => input.current?.click()}>${children}</button>
    <input ref=${input} type="file" hidden multiple=${multiple} accept=${accept} onChange=${picked} />`;
}

/**
 * Handlers for an element that files are dropped on or pasted into, and whether some hang over it.
 * @param {(files: File[]) => void} onFiles
 */
export function useFileDrop(onFiles) {
  const [over, setOver] = useState(false);
  /** @param {any} event @param {DataTransfer | null} given */
  const take = (event, given) => {
    const files = [...(given?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  };
  return {
    over,
    handlers: {
      onDragOver: (/** @type {DragEvent} */ event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: (/** @type {any} */ event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOver(false);
      },
      onDrop: (/** @type {DragEvent} */ event) => {
        setOver(false);
        take(event, event.dataTransfer);
      },
      onPaste: (/** @type {ClipboardEvent} */ event) => take(event, event.clipboardData),
    },
  };
}
