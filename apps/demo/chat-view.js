/** The lines of one thread, and where one writes. */

import { avatar, byId, make, show } from './elements.js';
import { shown } from './names.js';

/** @typedef {import('./chats.js').Chats} Chats */
/** @typedef {import('./chats.js').Line} Line */

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class ChatView {
  #chats;
  #peer = '';
  /** What stands there: line and state, so that only what has changed is made anew. @type {Map<string, string>} */
  #stands = new Map();

  /** @param {Chats} chats */
  constructor(chats) {
    this.#chats = chats;
    const input = /** @type {HTMLInputElement} */ (byId('message'));
    byId('composer').onsubmit = (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text || !this.#peer) return;
      chats.write(this.#peer, text);
      input.value = '';
    };
    chats.watch(() => this.#draw());
  }

  /** @param {string} peer */
  show(peer) {
    if (peer !== this.#peer) {
      this.#peer = peer;
      this.#stands.clear();
      byId('messages').replaceChildren();
      byId('chat-title').textContent = shown(peer);
      byId('chat-avatar').replaceChildren(avatar(peer));
    }
    this.#draw();
  }

  /** What can be done with whom is shown. @param {boolean} isRoom @param {boolean} isBusy @param {boolean} isOutside */
  buttons(isRoom, isBusy, isOutside) {
    const video = /** @type {HTMLButtonElement} */ (byId('call-video'));
    show(byId('call-audio'), !isRoom);
    /** @type {HTMLButtonElement} */ (byId('call-audio')).disabled = isBusy;
    video.disabled = isBusy;
    video.querySelector('span')?.replaceChildren(isRoom ? 'Join the room' : 'Video call');
    const input = /** @type {HTMLInputElement} */ (byId('message'));
    input.disabled = isOutside;
    input.placeholder = isOutside ? 'Join the room to write' : `Message to ${shown(this.#peer)}`;
  }

  #draw() {
    const peer = this.#peer;
    if (!peer) return;
    const box = byId('messages');
    const { lines } = this.#chats.thread(peer);
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    for (const old of [...this.#stands.keys()]) {
      if (lines.some(({ id }) => id === old)) continue;
      this.#stands.delete(old);
      box.querySelector(`[data-id="${CSS.escape(old)}"]`)?.remove();
    }
    for (const line of lines) {
      const now = `${line.state} ${line.reason ?? ''}`;
      if (this.#stands.get(line.id) === now) continue;
      const before = box.querySelector(`[data-id="${CSS.escape(line.id)}"]`);
      const item = this.#item(line);
      if (before) before.replaceWith(item);
      else box.append(item);
      this.#stands.set(line.id, now);
    }
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }

  /** @param {Line} line */
  #item(line) {
    const { id, from, text, at, state } = line;
    const attributes = { 'data-id': id, 'data-state': state };
    const time = TIME.format(at);
    if (state === 'note') return make('li', { ...attributes, class: 'note' }, `${text} · ${time}`);
    const isMine = this.#chats.isMine(from);
    const author = !isMine && this.#peer.startsWith('room:') ? `${shown(from)} · ` : '';
    const small = make(
      'small',
      state === 'failed' ? { class: 'failed' } : {},
      `${author}${time}${this.#fate(line, isMine)}`,
    );
    if (state === 'failed') {
      small.append(make('button', { click: () => this.#chats.again(this.#peer, line) }, 'Try again'));
    }
    return make('li', { ...attributes, class: isMine ? 'mine' : 'theirs' }, text, small);
  }

  /** @param {Line} line @param {boolean} isMine */
  #fate({ state, reason }, isMine) {
    if (!isMine) return '';
    if (state === 'delivered') return ' · delivered';
    if (state === 'sending') return ' · sending…';
    if (state === 'waiting') return ` · waits until ${shown(this.#peer)} is there`;
    return ` · not delivered (${reason})`;
  }
}
