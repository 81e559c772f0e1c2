/** The page while somebody is signed in: which part tells which other what. */

import { CallView } from './call-view.js';
import { ChatView } from './chat-view.js';
import { Chats } from './chats.js';
import { ConnectionView } from './connection-view.js';
import { Devices } from './devices.js';
import { byId, make, show, toast } from './elements.js';
import { isUsual } from './ladder.js';
import { faultOf, isRoom, roomOf, shown } from './names.js';
import * as peopleView from './people-view.js';
import { Presence } from './presence.js';
import { Rooms } from './rooms.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Message} Message */
/** @typedef {import('./ladder.js').Ladder} Ladder */
/** @typedef {import('./phone.js').Phone} Phone */
/** @typedef {import('./ringing.js').Ringing} Ringing */

/** Dialogs that the ladder leaves out at first; more are not remembered. */
const MOST_BACKGROUND = 1_000;

export class App {
  #client;
  #presence;
  #chats;
  #phone;
  #rooms;
  #chatView;
  #frame = byId('app');
  /** The person or room that is turned to. */
  #selected = '';
  #wasTalking = false;
  /** @type {Set<string>} */
  #background = new Set();

  /**
   * @param {Client} client
   * @param {Phone} phone
   * @param {Ladder} ladder
   * @param {Ringing} ringing
   * @param {() => void} forget Forgets who was signed in.
   */
  constructor(client, phone, ladder, ringing, forget) {
    this.#client = client;
    this.#presence = new Presence(client);
    this.#chats = new Chats(client);
    this.#phone = phone;
    this.#rooms = new Rooms(client, this.#chats);
    this.#chatView = new ChatView(this.#chats);
    this.#phone.isElsewhere = () => this.#rooms.isShown;
    ladder.isBackground = (message) => this.#isBackground(message);
    new CallView(this.#phone, this.#rooms, ringing);
    new ConnectionView(client);
    this.#listen();
    this.#bindTalking();
    this.#bindFrame(forget);
    byId('me').replaceChildren(make('span', { class: 'unseen' }, 'Signed in as '), shown(client.userid));
    show(byId('sign-in'), false);
    show(this.#frame, true);
    this.#view('people');
  }

  /** Becomes visible to the others, and takes up what a reload has interrupted. */
  begin() {
    this.#presence.enter();
    this.#chats.resume();
    if (Rooms.kept) this.#enter(Rooms.kept);
  }

  /** What everybody has all the time: the lobby too. @param {Message} message */
  #isBackground(message) {
    const { DialogueID, Type } = message;
    if (message.Event === 'dialog') return isUsual(message);
    // An answer is as usual as what it answers.
    if (this.#presence.isLobby(DialogueID) || (Type !== 'RESPONSE' && isUsual(message)))
      this.#background.add(DialogueID);
    if (this.#background.size > MOST_BACKGROUND) this.#background.clear();
    return this.#background.has(DialogueID);
  }

  #listen() {
    this.#presence.watch(() => {
      this.#draw();
      // Whoever is back may be told what waits for him.
      this.#chats.hurry((peer) => this.#presence.has(peer));
    });
    for (const part of [this.#chats, this.#phone, this.#rooms]) part.watch(() => this.#draw());
    this.#chats.onLine = (peer) => {
      if (!this.#isReading(peer)) toast(`${shown(peer)} has written`);
    };
    this.#phone.onBegin = (peer) => this.#select(peer);
    this.#phone.onOver = (peer, text) => {
      this.#chats.note(peer, text);
      // Whoever reads the thread has it before his eyes.
      if (!this.#isReading(peer)) toast(text);
    };
    document.addEventListener('visibilitychange', () => this.#draw());
  }

  #bindTalking() {
    const transfer = /** @type {HTMLDialogElement} */ (byId('transfer'));
    byId('room-form').onsubmit = (event) => {
      event.preventDefault();
      this.#enterTyped(/** @type {HTMLInputElement} */ (byId('room-name')));
    };
    byId('call-video').onclick = () => {
      if (isRoom(this.#selected)) this.#enter(this.#selected);
      else void this.#phone.dial(this.#selected, true);
    };
    byId('call-audio').onclick = () => void this.#phone.dial(this.#selected, false);
    byId('c-chat').onclick = () => {
      const isOn = this.#frame.classList.toggle('with-chat');
      byId('c-chat').setAttribute('aria-pressed', String(isOn));
      if (isOn) byId('message').focus();
      this.#draw();
    };
    byId('c-transfer').onclick = () => this.#offerTransfer(transfer);
    byId('transfer-cancel').onclick = () => transfer.close();
  }

  /** @param {() => void} forget */
  #bindFrame(forget) {
    const devices = new Devices((name) => {
      void this.#phone.changeDevice(name);
      void this.#rooms.changeDevice(name);
    });
    byId('open-devices').onclick = () => void devices.show();
    byId('toggle-ladder').onclick = () => {
      const isOff = this.#frame.classList.toggle('no-ladder');
      byId('toggle-ladder').setAttribute('aria-pressed', String(!isOff));
    };
    for (const tab of document.querySelectorAll('.tabs button')) {
      tab.addEventListener('click', () => {
        this.#view(/** @type {HTMLElement} */ (tab).dataset.view ?? 'people');
        this.#draw();
      });
    }
    byId('sign-out').onclick = () => {
      forget();
      this.#presence.leave();
      this.#rooms.hangUp();
      this.#client.close();
      location.reload();
    };
    // Whoever closes the tab is gone at once, and out of the room: a page that is loaded again enters it anew. A call stays for
    // that page, since nobody could call it back into being.
    addEventListener('pagehide', ({ persisted }) => {
      if (persisted || this.#phone.call) return;
      const room = this.#rooms.name;
      this.#client.close();
      if (room) Rooms.keep(room);
    });
  }

  /** On a phone one thing is seen at a time. @param {string} name */
  #view(name) {
    this.#frame.dataset.view = name;
    for (const tab of document.querySelectorAll('.tabs button')) {
      tab.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (tab).dataset.view === name));
    }
  }

  /** @param {string} peer */
  #select(peer) {
    this.#selected = peer;
    this.#chatView.show(peer);
    this.#view('talk');
    this.#draw();
    this.#focus();
  }

  /** Where one goes on: to write, unless one talks, or the keyboard of a phone would cover the half of it. */
  #focus() {
    const isToWrite = !this.#isTalking && this.#selected && matchMedia('(pointer: fine)').matches;
    byId(isToWrite ? 'message' : 'talk').focus();
  }

  get #isTalking() {
    return this.#phone.isShown || this.#rooms.isShown;
  }

  /** @param {string} peer */
  #isReading(peer) {
    return peer === this.#selected && !document.hidden && byId('chat').checkVisibility();
  }

  /** @param {HTMLInputElement} input */
  #enterTyped(input) {
    const name = input.value.trim().replaceAll(/\s+/g, '-');
    if (!name) return input.focus();
    if (faultOf(name)) return toast(faultOf(name));
    input.value = '';
    this.#enter(roomOf(name));
  }

  /** @param {string} room */
  #enter(room) {
    if (this.#phone.call || this.#rooms.isShown) return toast('You are in a call already.');
    this.#chats.thread(room);
    void this.#rooms.enter(room);
    this.#select(room);
  }

  /** @param {HTMLDialogElement} sheet */
  #offerTransfer(sheet) {
    const others = this.#presence.people.filter((user) => user !== this.#phone.peer);
    const entries = others.map((id) => ({ id, isHere: true, unread: 0, about: 'online' }));
    peopleView.list('transfer-list', entries, '', (user) => {
      sheet.close();
      void this.#phone.transfer(user);
    });
    show(byId('transfer-empty'), !others.length);
    sheet.showModal();
  }

  /** @param {string} id */
  #about(id) {
    if (isRoom(id)) return id === this.#rooms.name ? this.#rooms.doing : 'not joined';
    if (this.#phone.since && this.#phone.peer === id) return 'in a call with you';
    if (this.#rooms.roster.includes(id)) return 'in the room with you';
    return this.#presence.has(id) ? 'online' : 'not here';
  }

  /** @param {string} id */
  #entry(id) {
    const unread = this.#chats.threads.get(id)?.unread ?? 0;
    return { id, isHere: this.#presence.has(id), unread, about: this.#about(id) };
  }

  #draw() {
    const { people, fault } = this.#presence;
    const selected = this.#selected;
    if (selected && this.#isReading(selected)) this.#chats.read(selected);
    const written = [...this.#chats.threads.keys()];
    const persons = new Set([...people, ...written.filter((id) => !isRoom(id))]);
    const rooms = new Set([this.#rooms.name, ...written.filter(isRoom)].filter(Boolean));
    const entries = [...persons].map((id) => this.#entry(id));
    const halls = [...rooms].map((id) => this.#entry(id));
    peopleView.list('people-list', entries, selected, (id) => this.#select(id));
    peopleView.list('rooms-list', halls, selected, (id) => this.#select(id));
    peopleView.emptiness(!entries.length || !!fault, fault);
    peopleView.countUnread([...entries, ...halls].reduce((sum, { unread }) => sum + unread, 0));
    show(byId('chat'), !!selected);
    show(byId('nothing'), !selected && !this.#isTalking);
    const { activeElement: focused } = document;
    const wasTalking = this.#wasTalking;
    this.#wasTalking = this.#isTalking;
    // The button that had the focus is gone.
    const isLost = !focused || focused === document.body || byId('stage').contains(focused);
    if (wasTalking && !this.#isTalking && isLost) this.#focus();
    const isBusy = !!this.#phone.call || this.#rooms.isShown;
    this.#chatView.buttons(isRoom(selected), isBusy, isRoom(selected) && selected !== this.#rooms.name);
  }
}
