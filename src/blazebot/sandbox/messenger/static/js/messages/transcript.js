// @ts-check
/** Messages that were forwarded together: the first few, and all of them in a dialog. */

import { Avatar } from '../avatar.js';
import { Dialog } from '../dialog.js';
import { clockTime } from '../format.js';
import { t } from '../i18n.js';
import { html, useState } from '../ui.js';
import { MessageBody } from './index.js';
import { inWords, nameOf } from './names.js';
import { summary } from './summary.js';
import { itemMessage } from './transcript_item.js';

const PREVIEW = 4;
const STEP = 100;

/** @param {import('./index.js').BodyProps} props */
export function Transcript({ value, message, person, actions }) {
  const [open, setOpen] = useState(false);
  return html`
    <button class="body-transcript" type="button" onClick=${() => setOpen(true)}>
      <b>${t('messages.kind_transcript')}</b>
      ${value.slice(0, PREVIEW).map((/** @type {any} */ item) => html`
        <span class="small" key=${item.message_id}>${author(item)}: ${summary(itemMessage(item, message))}</span>`)}
      <span class="small muted">${t('messages.count', { count: value.length })}</span>
    </button>
    ${open && html`
      <${Dialog} title=${t('messages.kind_transcript')} close=${() => setOpen(false)} className="body-large">
        <${Items} items=${value} message=${message} person=${person} actions=${actions} />
      <//>`}`;
}

/** @param {any} item */
const author = (item) => inWords(item.user_full_name) || nameOf(item.user_id);

/** @param {{items: any[], message: any, person: any, actions: any}} props */
function Items({ items, message, person, actions }) {
  const [shown, setShown] = useState(STEP);
  return html`
    <ol class="body-items">
      ${items.slice(0, shown).map((item) => html`
        <li key=${item.message_id}>
          <${Avatar} id=${item.user_id || '0'} name=${author(item)} small=${true} />
          <div><span class="small muted">${author(item)} ${timeOf(item)}</span>
            <${MessageBody} message=${itemMessage(item, message)} person=${person} actions=${actions} /></div>
        </li>`)}
    </ol>
    ${items.length > shown && html`<button class="button" type="button" onClick=${() => setShown(shown + STEP)}>
      ${t('messages.show_more')}</button>`}`;
}

/** @param {any} item */
const timeOf = (item) => (Number.isNaN(Date.parse(item.created_at)) ? '' : clockTime(item.created_at));
