/** What several pages show alike: facts, states, parties, faults. */

import { make } from '../../shared/elements.js';
import { plain, shortUser } from '../text.js';

/** @typedef {import('../api.js').Role} Role */
/** @typedef {import('../main.js').Console} Console */

/** A list of facts; what is not known is left out. @param {[string, Node | string | number | null | undefined][]} facts */
export const facts = (facts) =>
  make(
    'dl',
    { class: 'facts' },
    ...facts
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .flatMap(([name, value]) => [
        make('dt', {}, name),
        make('dd', {}, value instanceof Node ? value : plain(value)),
      ]),
  );

/** A state as a coloured word. @param {string} tone @param {string} text */
export const pill = (tone, text) => make('span', { class: `pill ${tone}` }, plain(text));

/** A name of somebody: its beginning, and whole for who points at it. @param {string | null | undefined} user @param {number} [most] */
export const userName = (user, most = 40) =>
  make('bdi', { class: 'user', title: plain(user) }, user ? shortUser(user, most) : 'somebody');

/** @param {unknown} error */
export const fault = (error) =>
  make('p', { class: 'error', role: 'alert' }, plain(error instanceof Error ? error.message : error));

/**
 * A button for who may; for others it says which role is missing.
 * @param {Console} app @param {Role} role @param {Record<string, unknown>} attributes @param {...(Node | string)} inside
 */
export function button(app, role, attributes, ...inside) {
  const button = /** @type {HTMLButtonElement} */ (make('button', attributes, ...inside));
  if (app.api.mayNot(role)) {
    button.disabled = true;
    button.title = `Needs the role ${role}`;
  }
  return button;
}

/** A field of a filter. @param {string} label @param {HTMLElement} control */
export function field(label, control) {
  return make('label', { class: 'field' }, make('span', {}, label), control);
}

/** @param {string} label @param {string} value @param {[string, string][]} options @param {(value: string) => void} changed */
export function choice(label, value, options, changed) {
  const select = /** @type {HTMLSelectElement} */ (
    make('select', {}, ...options.map(([value, text]) => make('option', { value }, text)))
  );
  select.value = value;
  select.addEventListener('change', () => changed(select.value));
  return field(label, select);
}

const TYPING_MS = 250;

/** A field to search in; tells once one has stopped typing. @param {string} label @param {string} value @param {string} hint @param {(value: string) => void} changed */
export function search(label, value, hint, changed) {
  const input = /** @type {HTMLInputElement} */ (
    make('input', {
      type: 'search',
      placeholder: hint,
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      maxlength: 255,
    })
  );
  input.value = value;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const tell = () => {
    clearTimeout(timer);
    changed(input.value.trim());
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(tell, TYPING_MS);
  });
  input.addEventListener('change', tell);
  return field(label, input);
}

/**
 * Asks again and again, the next time when the answer is there; never while nobody looks.
 * @param {number} everyMs @param {(signal: AbortSignal) => Promise<void>} ask
 * @returns {() => void} Ends it.
 */
export function again(everyMs, ask) {
  const ended = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const once = async () => {
    if (!document.hidden) await ask(ended.signal).catch(() => {});
    if (!ended.signal.aborted) timer = setTimeout(() => void once(), everyMs);
  };
  void once();
  return () => {
    ended.abort();
    clearTimeout(timer);
  };
}

/** Hands a file to the user. @param {string} name @param {string} type @param {BlobPart} content */
export function download(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = make('a', { href: url, download: name.replace(/[^\w.-]/g, '_') });
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
