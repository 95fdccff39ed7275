// @ts-check
/** A voice message: its waveform, which shows and sets how far it has been played. */

import { duration } from '../format.js';
import { t } from '../i18n.js';
import { html, useEffect, useMemo, useRef, useState } from '../ui.js';
import { AttachmentProblem, useAttachment } from './attachment.js';
import { PlaySign } from './play_sign.js';
import { levels } from './waveform.js';

/** What is being played: one at a time. @type {HTMLAudioElement | null} */
let playing = null;

/** @param {import('./index.js').BodyProps} props */
export function Audio({ value }) {
  const [wanted, setWanted] = useState(false);
  const [broken, setBroken] = useState(false);
  const [running, setRunning] = useState(false);
  const [position, setPosition] = useState(0);
  const element = useRef(/** @type {HTMLAudioElement | null} */ (null));
  const { url, problem, loading } = useAttachment(value, wanted);
  const seconds = known(element.current?.duration) || value.duration / 1000;

  useEffect(() => {
    if (url) void element.current?.play().catch(() => setBroken(true));
  }, [url]);

  const toggle = () => {
    if (!url) setWanted(true);
    else if (running) element.current?.pause();
    else void element.current?.play().catch(() => setBroken(true));
  };
  const started = () => {
    if (playing !== element.current) playing?.pause();
    playing = element.current;
    setRunning(true);
  };
  const seek = (/** @type {any} */ event) => {
    const to = Number(event.target.value);
    setPosition(to);
    if (element.current) element.current.currentTime = to;
  };

  return html`
    <div class="body-audio">
      <button class="body-round" type="button" aria-busy=${loading} onClick=${toggle}
        aria-label=${t(running ? 'messages.pause' : 'messages.play')}><${PlaySign} playing=${running} /></button>
      <div class="body-wave">
        <${Waveform} base64=${value.waveform} part=${seconds ? position / seconds : 0} />
        <input type="range" min="0" max=${seconds || 1} step="0.1" value=${position} disabled=${!url}
          aria-label=${t('messages.position')} aria-valuetext=${duration(position)} onInput=${seek} />
      </div>
      <span class="body-time">${duration(running || position ? position : seconds)}</span>
      ${url && html`<audio ref=${element} src=${url} hidden onPlay=${started} onPause=${() => setRunning(false)}
        onTimeUpdate=${() => setPosition(element.current?.currentTime ?? 0)}
        onEnded=${() => setPosition(0)} onError=${() => setBroken(true)}></audio>`}
    </div>
    <${AttachmentProblem} problem=${broken ? t('messages.no_audio') : problem} />`;
}

/** @param {number | undefined} seconds infinite for a while where a file does not tell */
const known = (seconds) => (Number.isFinite(seconds) ? Number(seconds) : 0);

const BARS = 40;

/** @param {{base64: string, part: number}} props */
function Waveform({ base64, part }) {
  /** @type {number[]} */
  const heights = useMemo(() => levels(base64, BARS), [base64]);
  return html`
    <svg viewBox=${`0 0 ${BARS * 4} 28`} preserveAspectRatio="none" aria-hidden="true">
      ${heights.map((height, index) => html`
        <rect key=${index} class=${index < part * BARS ? 'played' : ''} x=${index * 4} width="2.4" rx="1.2"
          y=${14 - height * 13} height=${Math.max(2, height * 26)} />`)}
    </svg>`;
}
