/** The list of people and rooms. */

import { avatar, byId, make, show } from './elements.js';
import { shown } from './names.js';

/**
 * @typedef {object} Entry
 * @property {string} id A user or a room.
 * @property {boolean} isHere
 * @property {number} unread
 * @property {string} about
 */

/**
 * Shows a list; the entry that has the focus keeps it.
 * @param {string} list
 * @param {Entry[]} entries
 * @param {string} selected
 * @param {(id: string) => void} select
 */
export function list(list, entries, selected, select) {
  const box = byId(list);
  const focused =
    document.activeElement instanceof HTMLElement ? document.activeElement.dataset.id : undefined;
  box.replaceChildren(...entries.map((entry) => row(entry, selected, select)));
  for (const button of box.querySelectorAll('button'))
    if (focused && button.dataset.id === focused) button.focus();
}

/** @param {Entry} entry @param {string} selected @param {(id: string) => void} select */
function row({ id, isHere, unread, about }, selected, select) {
  const badge = unread
    ? make('span', { class: 'badge' }, String(unread), make('span', { class: 'unseen' }, ' unread'))
    : '';
  return make(
    'li',
    {},
    make(
      'button',
      { class: 'person', 'data-id': id, 'aria-current': id === selected && 'true', click: () => select(id) },
      avatar(id, id.startsWith('room:') ? '' : isHere ? 'here' : 'away'),
      make('span', { class: 'who' }, shown(id), make('small', {}, about)),
      badge,
    ),
  );
}

/** The number of unread lines, where the list is not in sight. @param {number} unread */
export function countUnread(unread) {
  const tab = document.querySelector('.tabs [data-view="people"]');
  tab?.querySelector('.badge')?.remove();
  if (unread) tab?.append(make('span', { class: 'badge' }, String(unread)));
}

/** Says that nobody is there. @param {boolean} isEmpty @param {string} fault */
export function emptiness(isEmpty, fault) {
  show(byId('people-empty'), isEmpty);
  const text = byId('people-empty').querySelector('p');
  if (text)
    text.textContent =
      fault || 'Nobody else is here yet. Open this page in a second tab and sign in under another name.';
}
