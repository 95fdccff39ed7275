// @ts-check
/** Somebody's contact: who they are, and a way to talk to them. */

import { Avatar } from '../avatar.js';
import { beginConversation, conversationWith } from '../beginning.js';
import { t } from '../i18n.js';
import { attempt } from '../toasts.js';
import { html } from '../ui.js';
import { userOf } from './names.js';

/** @param {import('./index.js').BodyProps} props */
export function Contact({ value, person, actions }) {
  const user = userOf(value.user_id);
  if (!user) {
    return html`<div class="body-contact"><span class="body-facts"><b>${t('messages.somebody')}</b>
      <code class="small muted">${value.user_id}</code></span></div>`;
  }
  const bot = user.kind === 'bot';
  const known = conversationWith(user.user_id);
  const talk = async () => {
    const id = known?.conversation_id ?? (await attempt(() => beginConversation(person.user_id, user)));
    if (id) actions.openConversation(id);
  };
  const words = known ? 'messages.message_them' : bot ? 'messages.add_them' : 'messages.say_hello';
  return html`
    <div class="body-contact">
      <${Avatar} id=${user.user_id} name=${user.full_name} bot=${bot} url=${user.avatar_url} />
      <span class="body-facts"><b>${user.full_name}</b>
        <span class="small muted">${user.identity_number}${bot && ` · ${t('messages.bot')}`}</span></span>
    </div>
    ${user.user_id !== person.user_id
      && html`<button class="body-more" type="button" onClick=${talk}>${t(words)}</button>`}`;
}
