// @ts-check
/** One thing that can go wrong: its switch, and how often, for whom and when it strikes. */

import { call } from '../api.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { html, useId, useState } from '../ui.js';

/**
 * @typedef {import('./fault_panel.js').Fault} Fault
 * @typedef {import('./fault_panel.js').FaultKind} FaultKind
 * @typedef {{bot_id: string, times: string, percent: string, only: string, seconds: string, code: string}} Parameters
 */

/**
 * @param {Parameters} parameters as they are typed
 * @param {FaultKind} kind
 * @returns {Record<string, unknown>} the fault, as the control API is asked for it
 */
const newFault = (parameters, { kind, seconds, code }) => ({
  kind,
  bot_id: parameters.bot_id,
  times: parameters.times === '' ? null : Number(parameters.times),
  probability: Number(parameters.percent) / 100,
  only: parameters.only,
  ...(seconds === null || parameters.seconds === '' ? {} : { seconds: Number(parameters.seconds) }),
  ...(code === null || parameters.code === '' ? {} : { code: Number(parameters.code) }),
});

/**
 * @param {object} props
 * @param {FaultKind} props.kind
 * @param {Fault[]} props.faults those of this kind
 * @param {{user_id: string, full_name: string}[]} props.bots
 * @param {(act: () => Promise<unknown>) => Promise<void>} props.change
 */
export function FaultSwitch({ kind, faults, bots, change }) {
  const [open, setOpen] = useState(false);
  const [parameters, setParameters] = useState(/** @type {Parameters} */ ({
    bot_id: '', times: '1', percent: '100', only: '', seconds: `${kind.seconds ?? ''}`, code: `${kind.code ?? ''}`,
  }));
  const on = faults.some((fault) => fault.left !== 0);
  const struck = faults.reduce((sum, fault) => sum + fault.struck, 0);
  const id = useId();

  const toggle = () => change(async () => {
    // Those that are spent go too, so that what is counted is of this time.
    await Promise.all(faults.map((fault) => call('DELETE', `/faults/${fault.fault_id}`)));
    if (!on) await call('POST', '/faults', newFault(parameters, kind));
  });

  return html`
    <li class=${on ? 'on' : ''}>
      <button class="switch" type="button" role="switch" aria-checked=${on} aria-labelledby=${id} onClick=${toggle}></button>
      <div class="words">
        <b id=${id}>${kind.kind}</b>
        ${struck > 0 && html`<span class="struck">${t('wire.struck', { count: struck })}</span>`}
        <p class="muted small">${t(`wire.fault_${kind.kind}`)}</p>
      </div>
      <button class="icon-button" type="button" aria-expanded=${open} title=${t('wire.parameters')}
        aria-label=${`${t('wire.parameters')}: ${kind.kind}`} onClick=${() => setOpen(!open)}><${Icon} name="down" /></button>
      ${open && html`<${ParameterFields} kind=${kind} bots=${bots} parameters=${parameters} set=${setParameters} />`}
    </li>`;
}

/** @param {{kind: FaultKind, bots: {user_id: string, full_name: string}[], parameters: Parameters, set: (parameters: Parameters) => void}} props */
function ParameterFields({ kind, bots, parameters, set }) {
  /** @param {keyof Parameters} name @param {Record<string, unknown>} rules */
  const field = (name, rules) => html`
    <label class="label">${t(`wire.parameter_${name}`)}
      <input class="field" value=${parameters[name]} ...${rules}
        onInput=${(/** @type {any} */ event) => set({ ...parameters, [name]: event.target.value })} /></label>`;
  return html`
    <div class="parameters">
      <label class="label">${t('wire.bot')}
        <select class="field" value=${parameters.bot_id}
          onChange=${(/** @type {any} */ event) => set({ ...parameters, bot_id: event.target.value })}>
          <option value="">${t('wire.all_bots')}</option>
          ${bots.map((bot) => html`<option key=${bot.user_id} value=${bot.user_id}>${bot.full_name}</option>`)}
        </select></label>
      ${kind.kind !== 'restart' && field('times', { type: 'number', min: 1, placeholder: t('wire.until_cleared') })}
      ${kind.kind !== 'restart' && field('percent', { type: 'number', min: 0.01, max: 100, step: 'any' })}
      ${kind.seconds !== null && field('seconds', { type: 'number', step: 'any' })}
      ${kind.code !== null && field('code', { type: 'number', min: 1 })}
      ${field('only', { placeholder: kind.occasions.join(', '), maxlength: 100 })}
    </div>`;
}
