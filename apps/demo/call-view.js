/** The call in progress: pictures, controls, and the sheet of one that comes in. */

import { avatar, byId, make, show } from './elements.js';
import { shown } from './names.js';
import { press, Tiles } from './stage.js';
import { clock } from './words.js';

/** @typedef {import('./phone.js').Phone} Phone */
/** @typedef {import('./ringing.js').Ringing} Ringing */
/** @typedef {import('./rooms.js').Rooms} Rooms */

export class CallView {
  #phone;
  #rooms;
  #ringing;
  #tiles = new Tiles();
  #tone = '';
  #incoming = /** @type {HTMLDialogElement} */ (byId('incoming'));

  /** @param {Phone} phone @param {Rooms} rooms @param {Ringing} ringing */
  constructor(phone, rooms, ringing) {
    this.#phone = phone;
    this.#rooms = rooms;
    this.#ringing = ringing;
    byId('answer').onclick = () => void phone.answer(true);
    byId('answer-audio').onclick = () => void phone.answer(false);
    byId('decline').onclick = () => phone.decline();
    // Escape declines, rather than hiding a call that goes on ringing.
    this.#incoming.oncancel = () => phone.decline();
    byId('c-mute').onclick = () => this.#shown.toggle('audio');
    byId('c-camera').onclick = () => this.#shown.toggle('video');
    byId('c-share').onclick = () => void this.#shown.toggleShare();
    byId('c-hold').onclick = () => void phone.toggleHold();
    byId('c-hangup').onclick = () => this.#shown.hangUp();
    phone.watch(() => this.#draw());
    rooms.watch(() => this.#draw());
    setInterval(() => this.#shown.since && this.#tellState(), 1_000);
  }

  /** What the stage shows: the call or the room. */
  get #shown() {
    return this.#rooms.isShown ? this.#rooms : this.#phone;
  }

  #draw() {
    this.#sheet(this.#phone.isRinging);
    this.#sound();
    const { isShown, title, tiles } = this.#shown;
    show(byId('stage'), isShown);
    byId('app').classList.toggle('in-call', isShown);
    if (!isShown) {
      this.#tiles.show([], true);
      return;
    }
    byId('call-peer').textContent = title;
    this.#tellState();
    this.#controls();
    this.#quality();
    this.#tiles.show(tiles, this.#shown === this.#phone);
  }

  #controls() {
    const { isActive, isVideo, isSharing } = this.#shown;
    const [isMuted, isDark] = [this.#shown.isMuted('audio'), this.#shown.isMuted('video') && isVideo];
    const isRoom = this.#shown === this.#rooms;
    press('c-mute', isMuted, isMuted ? 'mic-off' : 'mic');
    press('c-camera', isDark, isDark ? 'camera-off' : 'video');
    press('c-share', isSharing);
    press('c-hold', !!this.#phone.call?.isHeld);
    for (const id of ['c-mute', 'c-hold', 'c-share', 'c-transfer', 'c-camera']) {
      const button = /** @type {HTMLButtonElement} */ (byId(id));
      button.disabled = !isActive || (id === 'c-camera' && !isVideo);
    }
    show(byId('c-hold'), !isRoom);
    show(byId('c-transfer'), !isRoom);
    const words = isRoom ? 'Leave' : 'Hang up';
    const hangUp = byId('c-hangup');
    hangUp.setAttribute('aria-label', words);
    hangUp.title = words;
    hangUp.querySelector('span')?.replaceChildren(words);
  }

  /** What goes on; screen readers hear of changes, not of each second. */
  #tellState() {
    const { since, doing, isActive } = this.#shown;
    const box = byId('call-state');
    box.setAttribute('role', since ? 'timer' : 'status');
    box.dataset.state = isActive ? 'active' : 'pending';
    box.textContent = since ? `${clock(Date.now() - since)}${doing && ` · ${doing}`}` : doing;
  }

  #quality() {
    const { quality } = this.#shown;
    const box = byId('quality');
    show(box, !!quality);
    if (!quality) return;
    if (!box.childElementCount) box.append(make('i'), make('i'), make('i'));
    box.dataset.level = String(quality.level);
    box.title = quality.text;
    box.setAttribute('aria-label', quality.text);
  }

  /** @param {boolean} isRinging */
  #sheet(isRinging) {
    const { call, peer, isFound } = this.#phone;
    if (!isRinging || !call) {
      this.#incoming.close();
      return;
    }
    if (this.#incoming.open) return;
    const by = call.invite?.['Referred-By'];
    byId('incoming-avatar').replaceChildren(avatar(peer));
    byId('incoming-who').textContent = shown(peer);
    byId('incoming-what').textContent = isFound
      ? 'is talking to you in another window. Go on here?'
      : typeof by === 'string'
        ? `is handed on to you by ${shown(by)}`
        : 'is calling you';
    byId('answer')
      .querySelector('span')
      ?.replaceChildren(isFound ? 'Go on here' : 'Answer');
    byId('decline')
      .querySelector('span')
      ?.replaceChildren(isFound ? 'Hang up' : 'Decline');
    this.#incoming.showModal();
    byId('answer').focus();
  }

  #sound() {
    const { call, isRinging, isFound } = this.#phone;
    const isCalling = call?.direction === 'outgoing' && call.state === 'ringing';
    const tone = isRinging && !isFound ? 'ring' : isCalling ? 'ringback' : '';
    document.title = isRinging && !isFound ? `☎ ${shown(this.#phone.peer)} calls` : 'Strowger';
    if (tone === this.#tone) return;
    this.#tone = tone;
    if (tone === 'ring') this.#ringing.ring();
    else if (tone === 'ringback') this.#ringing.ringback();
    else this.#ringing.stop();
  }
}
