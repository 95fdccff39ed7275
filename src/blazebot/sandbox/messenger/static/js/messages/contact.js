// @ts-check
/** Somebody's contact: who they are, and a way to talk to them. */

import { call } from '../api.js';
import { Avatar } from '../avatar.js';
import { t } from '../i18n.js';
import { conversations } from '../store.js';
import { attempt } from '../toasts.js';
import { html } from '../ui.js';
import { userOf } from './names.js';

/** @typedef {import('../store.js').User} User */

/** @param {import('./index.js').BodyProps} props */
export function Contact({ value, person, actions }) {
  const user = userOf(value.user_id);
  if (!user) {
    return html`<div class="body-contact"><span class="body-facts"><b>${t('messages.somebody')}</b>
      <code class="small muted">${value.user_id}</code></span></div>`;
  }
  const bot = user.kind === 'bot';
  /** @type {import('../store.js').Conversation | undefined} */
  const known = [...conversations.value.values()].find(
    (one) => one.category === 'CONTACT'
      && one.participants.some((/** @type {User} */ other) => other.user_id === user.user_id),
  );
  const talk = async () => {
    const id = known?.conversation_id ?? (await attempt(() => begin(person, user)));
    if (id) actions.openConversation(id);
  };
  const words = known ? 'messages.message_them' : bot ? 'messages.add_them' : 'messages.say_hello';
  return html`
    <div class="body-contact">
      <${Avatar} id=${user.user_id} name=${user.full_name} bot=${bot} />
      <span class="body-facts"><b>${user.full_name}</b>
        <span class="small muted">${user.identity_number}${bot && ` · ${t('messages.bot')}`}</span></span>
    </div>
    ${user.user_id !== person.user_id
      && html`<button class="body-more" type="button" onClick=${talk}>${t(words)}</button>`}`;
}

/**
 * Begin a conversation: a bot is made a friend, a person is said hello to.
 * @param {{user_id: string}} person
 * @param {User} user
 * @returns {Promise<string>} its id
 */
async function begin(person, user) {
  const path = `/people/${person.user_id}`;
  const begun = user.kind === 'bot'
    ? await call('POST', `${path}/friends`, { user_id: user.user_id })
    : await call('POST', `${path}/messages`, { recipient_id: user.user_id, text: t('messages.hello') });
  return begun.conversation_id;
}
