// @ts-check
/** A card of a bot: the older look, pressed as a whole, or the newer one with cover and buttons. */

import { html } from '../ui.js';
import { Pressable } from './action.js';
import { ButtonRow } from './buttons.js';
import { RemotePicture } from './remote_picture.js';
import { Linked } from './text.js';

/** @param {import('./index.js').BodyProps} props */
export const AppCard = ({ value, actions }) =>
  value.action
    ? html`<${OlderCard} card=${value} actions=${actions} />`
    : html`<${NewerCard} card=${value} actions=${actions} />`;

/** @param {{card: any, actions: any}} props */
const OlderCard = ({ card, actions }) => html`
  <div class="body-card body-older">
    ${card.icon_url && html`<${RemotePicture} address=${card.icon_url} className="icon" />`}
    <${Pressable} className="body-facts" action=${card.action} actions=${actions}>
      <b>${card.title}</b><span class="small muted">${card.description}</span><//>
  </div>`;

/** @param {{card: any, actions: any}} props */
const NewerCard = ({ card, actions }) => html`
  <div class="body-card">
    ${card.cover_url && html`<${RemotePicture} address=${card.cover_url} className="cover" />`}
    <div class="body-facts">
      <b>${card.title}</b>
      <span class="body-description" dir="auto"><${Linked} text=${card.description} /></span>
    </div>
    ${card.actions.length > 0 && html`<${ButtonRow} buttons=${card.actions} actions=${actions} />`}
  </div>`;
