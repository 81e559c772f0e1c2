/** Elements of a page: finding those that are there, making new ones. What comes from elsewhere is text, never markup. */

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

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes a part of a drawing.
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A drawing of the page's collection, for eyes only. @param {string} name */
export const icon = (name) => draw('svg', { 'aria-hidden': 'true' }, draw('use', { href: `#i-${name}` }));

/** Shows or hides. @param {HTMLElement} element @param {boolean} isShown */
export const show = (element, isShown) => {
  element.hidden = !isShown;
};

/** How long something is said: longer if there is more to read. */
const [TOAST_MS, CHARACTER_MS] = [5_000, 50];

/** Says something in passing; screen readers say it too. @param {string} text */
export function toast(text) {
  const note = make('p', {}, text);
  byId('toasts').append(note);
  setTimeout(() => note.remove(), TOAST_MS + text.length * CHARACTER_MS);
}
