/** Elements of the page: finding those that are there, making new ones. */

import { hue, initials } from './names.js';

/**
 * The element of an id; the page has it.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export const byId = (id) => /** @type {T} */ (document.getElementById(id));

/**
 * Makes an element. What is given as a function is a listener, `true` and `false` set and leave out an attribute.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** A picture of somebody: the letters of the name, for eyes only. @param {string} user @param {string} [state] */
export const avatar = (user, state = '') =>
  make('span', { class: `avatar hue${hue(user)} ${state}`, 'aria-hidden': 'true' }, initials(user));

/** A drawing of the page's collection. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  svg.setAttribute('aria-hidden', 'true');
  return svg;
}

/** Shows or hides. @param {HTMLElement} element @param {boolean} isShown */
export const show = (element, isShown) => {
  element.hidden = !isShown;
};

const TOAST_MS = 6_000;

/** Says something in passing; screen readers say it too. @param {string} text */
export function toast(text) {
  const note = make('p', {}, text);
  byId('toasts').append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}
