// @ts-check
/** The place of bots: how each is doing, and what its developer does with it. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { attempt } from '../toasts.js';
import { html, useState } from '../ui.js';
import { BotCard } from './bot_card.js';
import { NameDialog } from './name_dialog.js';
import { useBots } from './use_bots.js';

/** All bots, as they are now. */
export function Dashboard() {
  const { bots, rates, refresh } = useBots();
  const [creating, setCreating] = useState(false);

  /** @param {string} name */
  const create = async (name) => {
    if (!(await attempt(() => call('POST', '/bots', { full_name: name })))) return;
    setCreating(false);
    refresh();
  };

  return html`
    <section class="dashboard" aria-label=${t('shell.dashboard')}>
      <div class="head">
        <p class="muted">${bots && t('dashboard.count', { count: bots.length })}</p>
        <button class="button primary" type="button" onClick=${() => setCreating(true)}>
          <${Icon} name="add" />${t('dashboard.create')}</button>
      </div>
      ${bots?.length === 0 && html`<p class="empty">${t('dashboard.none')}</p>`}
      <ul class="bots">
        ${bots?.map((bot) => html`
          <${BotCard} key=${bot.user_id} bot=${bot} rates=${rates.get(bot.user_id) ?? []} refresh=${refresh} />`)}
      </ul>
      ${creating && html`
        <${NameDialog} title=${t('dashboard.create')} action=${t('dashboard.create')} name=""
          done=${create} close=${() => setCreating(false)} />`}
    </section>`;
}
