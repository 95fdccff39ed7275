// @ts-check
/** The page's start. */

import { takeToken } from './api.js';
import { App } from './app.js';
import { startFollowing } from './following.js';
import { preferredLanguage, useLanguage } from './i18n.js';
import { applyTheme } from './theme.js';
import { html, render } from './ui.js';

takeToken();
addEventListener('hashchange', () => takeToken() && location.reload()); // it came into an open page
applyTheme();
await useLanguage(preferredLanguage());
startFollowing();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
