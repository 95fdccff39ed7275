// @ts-check
/** The page's words in the person's language. */

import { signal } from './ui.js';

const CHOICE = 'blazebot.language';
const PARTS = ['shell', 'messenger', 'messages', 'composer', 'dashboard', 'wire'];

/** Languages by code, each by its own name. */
export const LANGUAGES = { en: 'English', zh: '中文', ja: '日本語' };

/** The language's code. */
export const language = signal('en');

/** @returns {string} the language as the browser's settings have it, en-GB for en: for times and numbers */
export const locale = () =>
  navigator.languages.find((one) => one.split('-')[0] === language.value) ?? language.value;

/** @type {import('./ui.js').Signal<Record<string, Record<string, any>>>} */
const words = signal({});

/** @returns {string} the language that was chosen, or the browser's first that there is */
export function preferredLanguage() {
  const wanted = [localStorage.getItem(CHOICE) ?? '', ...navigator.languages];
  return wanted.map((one) => one.slice(0, 2)).find((one) => one in LANGUAGES) ?? 'en';
}

/**
 * Load a language and show the page in it.
 * @param {string} code
 */
export async function useLanguage(code) {
  const modules = await Promise.all(PARTS.map((part) => import(`./locales/${code}/${part}.js`)));
  words.value = Object.fromEntries(PARTS.map((part, index) => [part, modules[index].default]));
  language.value = code;
  document.documentElement.lang = code;
}

/**
 * Choose a language, and remember it.
 * @param {string} code
 */
export async function chooseLanguage(code) {
  localStorage.setItem(CHOICE, code);
  await useLanguage(code);
}

/**
 * Return the words for a key `part.key`, with `{name}` replaced by the value of that name. Words
 * that depend on a number are an object by plural category, chosen by the value `count`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} the key itself where there are no words for it
 */
export function t(key, values = {}) {
  const dot = key.indexOf('.');
  const found = words.value[key.slice(0, dot)]?.[key.slice(dot + 1)] ?? key;
  const text = typeof found === 'string' ? found : plural(found, Number(values.count));
  return text.replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}

/**
 * @param {Record<string, string>} forms
 * @param {number} count
 */
const plural = (forms, count) =>
  forms[new Intl.PluralRules(language.value).select(count)] ?? forms.other;
