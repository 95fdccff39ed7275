// @ts-check
/** One entry of the wire log, whole. */

import { fullTime, number } from '../format.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { html } from '../ui.js';
import { JsonView } from './json_view.js';
import { elapsed } from './log_list.js';
import { decoded } from './rows.js';

/** @param {{row: import('./rows.js').Row, nameOf: (id: string) => string, close: () => void}} props */
export function EntryDetail({ row, nameOf, close }) {
  const entry = JSON.parse(row.raw);
  const content = contentOf(entry);
  return html`
    <section class="detail" aria-label=${t('wire.entry')}>
      <div class="head">
        <h2>${row.name}</h2>
        <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${close}><${Icon} name="close" /></button>
      </div>
      <dl>
        <${Fact} name=${t('wire.time')} value=${`${fullTime(entry.at)} · #${entry.number}`} />
        <${Fact} name=${t('wire.bot')} value=${nameOf(row.botId)} />
        <${Fact} name=${t('wire.direction')} value=${row.way && t(`wire.way_${row.way}`)} />
        <${Fact} name=${t('wire.since')} value=${row.since === null ? '' : elapsed(row.since)} />
        <${Fact} name=${t('wire.size')} value=${sizeWords(entry)} />
        <${Fact} name=${t('wire.fault')} value=${row.fault && `${row.fault}: ${t(`wire.fault_${row.fault}`)}`} />
      </dl>
      ${content !== null && html`<h3>${t('wire.content')}</h3><${JsonView} value=${content} />`}
      <h3>${t('wire.whole')}</h3>
      <${JsonView} value=${entry.frame ?? entry} />
    </section>`;
}

/** @param {{name: string, value: string}} props */
const Fact = ({ name, value }) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

/** @param {any} entry */
function sizeWords(entry) {
  if (entry.kind === 'call') {
    return t('wire.size_call', { request: number(entry.request_size), answer: number(entry.answer_size) });
  }
  if (entry.size === undefined) return '';
  if (entry.inflated === undefined) return t('wire.size_raw', { size: number(entry.size) });
  return t('wire.size_frame', { size: number(entry.size), inflated: number(entry.inflated) });
}

/**
 * @param {any} entry
 * @returns {unknown} what a message's base64 stands for: JSON or text, null if there is none to show
 */
function contentOf(entry) {
  const body = entry.frame?.params ?? entry.frame?.data ?? entry.request;
  const text = decoded(body?.data_base64 || body?.data || '');
  if (!text || String(body.category).startsWith('ENCRYPTED_')) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
