// @ts-check
/** The place of the wire log: each frame and each call, and what is to go wrong with them. */

import { number } from '../format.js';
import { t } from '../i18n.js';
import { bots, loadUsers } from '../store.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useMemo, useState } from '../ui.js';
import { EntryDetail } from './entry_detail.js';
import { FaultPanel } from './fault_panel.js';
import { LogList } from './log_list.js';
import { filtered } from './rows.js';
import { useLog } from './use_log.js';

const KINDS = /** @type {const} */ (['message', 'receipt', 'other', 'call', 'line', 'failed', 'fault']);

/**
 * @param {object} props
 * @param {boolean} [props.beside] there is little room
 * @param {{participants: {user_id: string, kind: string}[]}} [props.conversation] only its bots' entries
 * @param {string} [props.messageId] only the entries of this message
 */
export function Wire({ beside = false, conversation, messageId = '' }) {
  const [paused, setPaused] = useState(false);
  const [following, setFollowing] = useState(true);
  const [showsFaults, setShowsFaults] = useState(!beside && !messageId && innerWidth >= 1100);
  const [selected, setSelected] = useState(0);
  const [filter, setFilter] = useState({ bot: '', kind: '', text: '' });
  const { rows, clear } = useLog(messageId, paused);

  const shown = useMemo(
    () => filtered(rows, {
      bots: messageId ? null : botsOf(filter.bot, conversation), kind: filter.kind, text: filter.text.trim(),
    }),
    [rows, filter, conversation, messageId],
  );
  const row = selected ? shown.find((one) => one.key === selected) : undefined;
  const known = bots.value;
  const names = useMemo(() => new Map(known.map((/** @type {any} */ bot) => [bot.user_id, bot.full_name])), [known]);
  const nameOf = (/** @type {string} */ id) => names.get(id) ?? (id.slice(0, 8) || '–');

  const newcomer = rows.at(-1)?.botId ?? '';
  useEffect(() => {
    if (!newcomer || !names.has(newcomer)) attempt(loadUsers);
  }, [newcomer]);

  return html`
    <section class=${`wire ${beside ? 'beside' : ''} ${messageId ? 'of-message' : ''}`} aria-label=${t('shell.wire')}>
      ${!messageId && html`
        <${Toolbar} filter=${filter} setFilter=${setFilter} bots=${conversation ? [] : known}
          paused=${paused} setPaused=${setPaused} following=${following} setFollowing=${setFollowing}
          showsFaults=${showsFaults} setShowsFaults=${setShowsFaults} clear=${clear} count=${shown.length} />`}
      <div class="panes">
        <div class="log">
          <${LogList} rows=${shown} nameOf=${nameOf} selected=${selected} select=${setSelected}
            following=${following} setFollowing=${setFollowing} />
          ${!shown.length && html`<p class="empty">${t(messageId ? 'wire.none_of_message' : 'wire.none')}</p>`}
        </div>
        ${row && html`<${EntryDetail} key=${row.key} row=${row} nameOf=${nameOf} close=${() => setSelected(0)} />`}
        ${showsFaults && html`<${FaultPanel} bots=${known} />`}
      </div>
    </section>`;
}

/**
 * @param {string} botId the one that was chosen, or ''
 * @param {{participants: {user_id: string, kind: string}[]} | undefined} conversation
 * @returns {Set<string> | null}
 */
function botsOf(botId, conversation) {
  if (botId) return new Set([botId]);
  if (!conversation) return null;
  return new Set(conversation.participants.filter((one) => one.kind === 'bot').map((one) => one.user_id));
}

/** @param {any} props */
function Toolbar({ filter, setFilter, bots: choices, paused, setPaused, following, setFollowing, showsFaults, setShowsFaults, clear, count }) {
  const choose = (/** @type {string} */ name) => (/** @type {any} */ event) =>
    setFilter({ ...filter, [name]: event.target.value });
  return html`
    <div class="toolbar" role="toolbar" aria-label=${t('wire.tools')}>
      <input class="field text" type="search" aria-label=${t('wire.text')} placeholder=${t('wire.text')}
        value=${filter.text} onInput=${choose('text')} />
      ${choices.length > 0 && html`
        <select class="field" aria-label=${t('wire.bot')} value=${filter.bot} onChange=${choose('bot')}>
          <option value="">${t('wire.all_bots')}</option>
          ${choices.map((/** @type {any} */ bot) => html`<option key=${bot.user_id} value=${bot.user_id}>${bot.full_name}</option>`)}
        </select>`}
      <select class="field" aria-label=${t('wire.kind')} value=${filter.kind} onChange=${choose('kind')}>
        <option value="">${t('wire.all_kinds')}</option>
        ${KINDS.map((kind) => html`<option key=${kind} value=${kind}>${t(`wire.kind_${kind}`)}</option>`)}
      </select>
      <span class="muted small count">${t('wire.count', { count, shown: number(count) })}</span>
      <button class="button" type="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>
        ${t(paused ? 'wire.resume' : 'wire.pause')}</button>
      <button class="button" type="button" aria-pressed=${following} onClick=${() => setFollowing(!following)}>${t('wire.follow')}</button>
      <button class="button" type="button" onClick=${clear}>${t('wire.clear')}</button>
      <button class="button" type="button" aria-pressed=${showsFaults} onClick=${() => setShowsFaults(!showsFaults)}>${t('wire.faults')}</button>
    </div>`;
}
