// @ts-check
/** Search in a conversation. */

import { call } from '../api.js';
import { shortTime } from '../format.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { summary } from '../messages/summary.js';
import { attempt } from '../toasts.js';
import { html, useEffect, useRef, useState } from '../ui.js';
import { useEscape } from './escape.js';

const AFTER_MS = 200; // without another letter
const ENOUGH = 20;

/**
 * @param {object} props
 * @param {string} props.personId
 * @param {string} props.conversationId
 * @param {(messageId: string) => void} props.jumpTo
 * @param {() => void} props.close
 */
export function Search({ personId, conversationId, jumpTo, close }) {
  const [wanted, setWanted] = useState('');
  const [found, setFound] = useState(/** @type {import('../folding.js').Message[] | null} */ (null));
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEscape(close);
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    const text = wanted.trim();
    if (!text) return setFound(null);
    const stopped = new AbortController();
    const timer = setTimeout(async () => {
      const messages = await attempt(() => search(personId, conversationId, text, stopped.signal).catch(ignoreAbort));
      if (messages) setFound(messages);
    }, AFTER_MS);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [wanted]);
  return html`
    <div class="searching" role="search">
      <div class="line">
        <input class="field" type="search" ref=${box} placeholder=${t('messenger.search_here')}
          aria-label=${t('messenger.search_here')} value=${wanted}
          onInput=${(/** @type {any} */ event) => setWanted(event.target.value)} />
        <button class="icon-button" type="button" aria-label=${t('shell.close')} onClick=${close}><${Icon} name="close" /></button>
      </div>
      ${found && html`
        <div class="picks">
          ${found.map((one) => html`
            <button key=${one.message_id} class="pick" type="button" onClick=${() => jumpTo(one.message_id)}>
              <span class="text">${summary(one, personId)}</span><time class="muted small">${shortTime(one.created_at)}</time></button>`)}
          ${!found.length && html`<p class="muted">${t('messenger.nothing_found')}</p>`}
        </div>`}
    </div>`;
}

/**
 * @param {string} personId
 * @param {string} conversationId
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function search(personId, conversationId, text, signal) {
  const path = `/people/${personId}/conversations/${conversationId}/search`;
  const found = [];
  let before = '';
  for (;;) {
    const query = `text=${encodeURIComponent(text)}&limit=${ENOUGH}${before}`;
    const page = await call('GET', `${path}?${query}`, undefined, { signal });
    found.push(...page.messages);
    if (!page.more || found.length >= ENOUGH) return found;
    before = `&before=${page.before}`;
  }
}

/** @param {unknown} error */
function ignoreAbort(error) {
  if (!(error instanceof DOMException)) throw error;
  return undefined;
}
