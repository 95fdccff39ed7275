// @ts-check
/** The place where a person talks: conversations, one of them, and its frames beside it. */

import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { route } from '../routes.js';
import { conversations, loaded, person } from '../store.js';
import { html, useEffect, useState } from '../ui.js';
import { Wire } from '../wire/index.js';
import { ConversationList } from './conversation_list.js';
import { Conversation } from './conversation.js';
import { NewPerson } from './people_bar.js';

/** The place. */
export function Messenger() {
  const { person: personId, conversation: id } = route.value;
  const [shown, setShown] = useState(''); // the message whose frames are shown
  useEffect(() => setShown(''), [id]);
  if (!personId) return html`<${Welcome} />`;
  const conversation = conversations.value.get(id);
  return html`
    <div class=${`messenger ${id ? 'open' : ''} ${shown ? 'beside' : ''}`}>
      <${ConversationList} key=${personId} personId=${personId} />
      ${conversation && person.value
        ? html`<${Conversation} key=${`${personId} ${id}`} person=${person.value} conversation=${conversation}
            showFrames=${setShown} />`
        : html`<section class="conversation"><div class="empty">
            <p>${t(id && loaded.value ? 'messenger.no_conversation' : 'messenger.choose')}</p></div></section>`}
      ${shown && conversation && html`
        <aside class="frames" aria-label=${t('messenger.frames')}>
          <div class="line head">
            <h2>${t('messenger.frames')}</h2>
            <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${() => setShown('')}>
              <${Icon} name="close" /></button>
          </div>
          <${Wire} beside conversation=${conversation} messageId=${shown} />
        </aside>`}
    </div>`;
}

const Welcome = () => html`
  <div class="empty welcome">
    <img src="/messenger/icon.svg" alt="" width="56" height="56" />
    <h1>${t('messenger.welcome')}</h1>
    <p>${t('messenger.welcome_hint')}</p>
    <${NewPerson} />
  </div>`;
