// @ts-check
/** A post: Markdown, its beginning in the conversation and all of it in a dialog. */

import { Dialog } from '../dialog.js';
import { t } from '../i18n.js';
import { html, useLayoutEffect, useRef, useState } from '../ui.js';
import { markdownElements } from './markdown.js';

const PREVIEW = 2000;

/** @param {import('./index.js').BodyProps} props */
export function Post({ value }) {
  const [open, setOpen] = useState(false);
  return html`
    <div class="body-post">
      <${Markdown} text=${value.slice(0, PREVIEW)} />
      <button class="body-more" type="button" onClick=${() => setOpen(true)}>${t('messages.open_post')}</button>
    </div>
    ${open && html`
      <${Dialog} title=${t('messages.kind_post')} close=${() => setOpen(false)} className="body-large">
        <${Markdown} text=${value} />
      <//>`}`;
}

/** @param {{text: string}} props */
function Markdown({ text }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => element.current?.replaceChildren(markdownElements(text)), [text]);
  return html`<div class="body-markdown" dir="auto" ref=${element}></div>`;
}
