// @ts-check
/** The bar of pinned messages: a click goes to one, the next to the one before it. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { summary } from '../messages/summary.js';
import { html, useEffect, useState } from '../ui.js';

const CHANGES_PINS = new Set(['MESSAGE_PIN', 'MESSAGE_RECALL']);

/**
 * @param {object} props
 * @param {string} props.personId
 * @param {string} props.conversationId
 * @param {import('../folding.js').History} props.history
 * @param {(messageId: string) => void} props.jumpTo
 */
export function Pins({ personId, conversationId, history, jumpTo }) {
  const [pins, setPins] = useState(/** @type {import('../folding.js').Message[]} */ ([]));
  const [chosen, setChosen] = useState(0);
  const changed = history.messages.findLast((one) => CHANGES_PINS.has(one.category))?.seq;
  useEffect(() => {
    const path = `/people/${personId}/conversations/${conversationId}/pins`;
    call('GET', path).then((answer) => {
      setPins(answer.messages.reverse());
      setChosen(0);
    }, () => {}); // when the line is back the history begins anew
  }, [changed, history.messages.length > 0]);
  if (!pins.length) return null;
  const shown = pins[chosen % pins.length];
  const show = () => {
    jumpTo(shown.message_id);
    setChosen((chosen + 1) % pins.length);
  };
  return html`
    <button class="line pins" type="button" onClick=${show}>
      <${Icon} name="pin" size=${16} /><span class="visually-hidden">${t('messenger.pinned')}</span>
      <span class="text">${summary(shown, personId)}</span>
      ${pins.length > 1 && html`<span class="muted small">${(chosen % pins.length) + 1}/${pins.length}</span>`}
    </button>`;
}
