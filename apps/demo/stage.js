/** Shows a call or a room: who is seen, what can be done. */

import { hearThrough } from './devices.js';
import { avatar, byId, icon, make, show } from './elements.js';
import { shown } from './names.js';

/**
 * One picture.
 * @typedef {{ id: string, user: string, stream: MediaStream | undefined, isSelf?: boolean, isScreen?: boolean,
 *   isDark?: boolean, isMuted?: boolean, veil?: string }} Tile
 */

/** Keeps a tile for each id, so that a picture goes on while others come and go. */
export class Tiles {
  #box = byId('tiles');
  /** @type {Map<string, HTMLElement>} */
  #known = new Map();

  /** @param {Tile[]} tiles @param {boolean} isPair */
  show(tiles, isPair) {
    this.#box.classList.toggle('pair', isPair);
    this.#box.dataset.count = String(isPair ? 1 : tiles.length);
    for (const [id, element] of this.#known) {
      if (tiles.some((tile) => tile.id === id)) continue;
      element.remove();
      this.#known.delete(id);
    }
    for (const [place, tile] of tiles.entries()) this.#one(tile, place);
  }

  /** @param {Tile} tile @param {number} place */
  #one(
    { id, user, stream, isSelf = false, isScreen = false, isDark = false, isMuted = false, veil = '' },
    place,
  ) {
    let element = this.#known.get(id);
    if (!element) {
      const name = isSelf ? 'You' : shown(user);
      const video = make('video', { autoplay: true, playsinline: true, 'aria-label': `Picture of ${name}` });
      element = make(
        'div',
        { class: 'tile' },
        avatar(user),
        video,
        make('span', { class: 'label' }, name, icon('mic-off')),
      );
      element.append(make('div', { class: 'veil' }));
      element.dataset.user = user;
      if (isSelf) /** @type {HTMLVideoElement} */ (video).muted = true;
      this.#known.set(id, element);
      this.#box.append(element);
    }
    // Moved, an element would stop playing.
    element.style.order = String(place);
    element.classList.toggle('self', isSelf);
    element.classList.toggle('mirror', isSelf && !isScreen);
    element.classList.toggle('screen', isScreen);
    element.classList.toggle('muted', isMuted);
    const video = /** @type {HTMLVideoElement} */ (element.querySelector('video'));
    if (video.srcObject !== (stream ?? null)) video.srcObject = stream ?? null;
    hearThrough(video);
    // Sound goes on where no picture is.
    video.style.opacity = stream?.getVideoTracks().length && !isDark ? '1' : '0';
    const over = /** @type {HTMLElement} */ (element.querySelector('.veil'));
    over.textContent = veil;
    show(over, !!veil);
  }
}

/** A button that is on or off. @param {string} id @param {boolean} isOn @param {string} [drawing] */
export function press(id, isOn, drawing) {
  const button = byId(id);
  if (drawing && button.dataset.icon !== drawing) {
    button.dataset.icon = drawing;
    button.querySelector('svg')?.replaceWith(icon(drawing));
  }
  button.setAttribute('aria-pressed', String(isOn));
}
