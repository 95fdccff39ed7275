// @ts-check
/** The small picture that a message carries itself, blurred. */

import { html, useState } from '../ui.js';

const BASE64 = /^[\w+/-]+={0,2}$/;

/** @param {{base64: string}} props */
export function Thumbnail({ base64 }) {
  const [broken, setBroken] = useState(false);
  if (broken || !BASE64.test(base64)) return null;
  const data = base64.replaceAll('-', '+').replaceAll('_', '/');
  return html`<img class="body-blur" src=${`data:image/jpeg;base64,${data}`} alt=""
    onError=${() => setBroken(true)} />`;
}
