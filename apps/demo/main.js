/** The page: signing in and out, and which part tells which other what. */

import { Client } from '../../sdk/js/src/index.js';
import { CallView } from './call-view.js';
import { ChatView } from './chat-view.js';
import { Chats } from './chats.js';
import { ConnectionView } from './connection-view.js';
import { Devices } from './devices.js';
import { byId, make, show, toast } from './elements.js';
import { Ladder } from './ladder.js';
import { faultOf, roomOf, shown, userOf } from './names.js';
import * as peopleView from './people-view.js';
import { Phone } from './phone.js';
import { Presence } from './presence.js';
import { Ringing } from './ringing.js';
import { Rooms } from './rooms.js';

/** Keeps the name over a reload of this tab; another tab has another one. */
const NAME = 'strowger.name';

const ringing = new Ringing();
/** The path of the WebSocket, where it is not the usual one: `/?path=/signalling`. */
const PATH = new URLSearchParams(location.search).get('path') ?? '/rtc';

/** Signs in. Resolves once connected. @param {string} name */
async function signIn(name) {
  const client = new Client({ url: PATH, userid: userOf(name) });
  await client.connect();
  sessionStorage.setItem(NAME, name);
  run(client);
}

/** Everything that is there while somebody is signed in. @param {Client} client */
function run(client) {
  const app = byId('app');
  const presence = new Presence(client);
  const chats = new Chats(client);
  const phone = new Phone(client);
  const rooms = new Rooms(client, chats);
  const chatView = new ChatView(chats);
  const transfer = /** @type {HTMLDialogElement} */ (byId('transfer'));
  let selected = '';

  const background = new Set();
  new Ladder(client, (message) => {
    const { DialogueID, Type } = message;
    if (presence.isLobby(DialogueID) || Type === 'OPTIONS') background.add(DialogueID);
    if (background.size > 1000) background.clear();
    return background.has(DialogueID);
  });
  phone.isForeign = (call) => rooms.takes(call);
  phone.isElsewhere = () => rooms.isShown;
  new CallView(phone, rooms, ringing);
  new ConnectionView(client);

  const view = (/** @type {string} */ name) => {
    app.dataset.view = name;
    for (const tab of document.querySelectorAll('.tabs button')) {
      tab.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (tab).dataset.view === name));
    }
  };
  const select = (/** @type {string} */ peer) => {
    selected = peer;
    chatView.show(peer);
    if (!phone.isShown && !rooms.isShown) byId('message').focus();
    view('talk');
    draw();
  };
  const isReading = (/** @type {string} */ peer) =>
    peer === selected && !document.hidden && byId('chat').checkVisibility();

  const about = (/** @type {string} */ id) => {
    if (phone.since && phone.peer === id) return 'in a call with you';
    if (rooms.roster.includes(id)) return 'in the room with you';
    return presence.has(id) ? 'online' : 'not here';
  };

  const draw = () => {
    if (selected && isReading(selected)) chats.read(selected);
    const known = [...chats.threads.keys()].filter(
      (peer) => !peer.startsWith('room:') && !presence.has(peer),
    );
    const entries = [...presence.people, ...known].map((id) => ({
      id,
      isHere: presence.has(id),
      unread: chats.threads.get(id)?.unread ?? 0,
      about: about(id),
    }));
    peopleView.list('people-list', entries, selected, select);
    peopleView.emptiness(!entries.length || !!presence.fault, presence.fault);
    peopleView.countUnread(entries.reduce((sum, { unread }) => sum + unread, 0));
    const visited = [...chats.threads.keys()].filter(
      (peer) => peer.startsWith('room:') && peer !== rooms.name,
    );
    const halls = [...(rooms.name ? [rooms.name] : []), ...visited].map((id) => ({
      id,
      isHere: true,
      unread: chats.threads.get(id)?.unread ?? 0,
      about: id === rooms.name ? rooms.doing : 'not joined',
    }));
    peopleView.list('rooms-list', halls, selected, select);
    show(byId('chat'), !!selected);
    show(byId('nothing'), !selected && !phone.isShown && !rooms.isShown);
    const isRoom = selected.startsWith('room:');
    const isBusy = !!phone.call || rooms.isShown;
    chatView.buttons(isRoom, isBusy, isRoom && selected !== rooms.name);
  };

  presence.watch(() => {
    draw();
    // Whoever is back may be told what waits for him.
    chats.hurry((peer) => presence.has(peer));
  });
  chats.watch(draw);
  chats.onLine = (peer) => !isReading(peer) && toast(`${shown(peer)} has written`);
  phone.watch(draw);
  phone.onBegin = (peer) => {
    select(peer);
    byId('talk').focus();
  };
  phone.onOver = (peer, text) => {
    chats.note(peer, text);
    toast(text);
  };

  rooms.watch(draw);
  const enter = (/** @type {string} */ room) => {
    if (phone.call || rooms.isShown) return toast('You are in a call already.');
    chats.thread(room);
    select(room);
    void rooms.enter(room);
  };

  byId('room-form').onsubmit = (event) => {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (byId('room-name'));
    const name = input.value.trim().replaceAll(/\s+/g, '-');
    if (!name) return input.focus();
    if (faultOf(name)) return toast(faultOf(name));
    input.value = '';
    enter(roomOf(name));
  };
  byId('call-video').onclick = () => {
    if (selected.startsWith('room:')) enter(selected);
    else void phone.dial(selected, true);
  };
  byId('call-audio').onclick = () => void phone.dial(selected, false);
  byId('c-chat').onclick = () => {
    const isOn = app.classList.toggle('with-chat');
    byId('c-chat').setAttribute('aria-pressed', String(isOn));
    if (isOn) byId('message').focus();
    draw();
  };
  byId('c-transfer').onclick = () => {
    const others = presence.people.filter((user) => user !== phone.peer);
    const hand = (/** @type {string} */ user) => {
      transfer.close();
      void phone.transfer(user);
    };
    const entries = others.map((id) => ({ id, isHere: true, unread: 0, about: 'online' }));
    peopleView.list('transfer-list', entries, '', hand);
    show(byId('transfer-empty'), !others.length);
    transfer.showModal();
  };
  byId('transfer-cancel').onclick = () => transfer.close();
  const devices = new Devices((kind) => void phone.changeDevice(kind));
  byId('open-devices').onclick = () => void devices.show();
  byId('toggle-ladder').onclick = () => {
    const isOff = app.classList.toggle('no-ladder');
    byId('toggle-ladder').setAttribute('aria-pressed', String(!isOff));
  };
  for (const tab of document.querySelectorAll('.tabs button')) {
    tab.addEventListener('click', () => {
      view(/** @type {HTMLElement} */ (tab).dataset.view ?? 'people');
      draw();
    });
  }
  document.addEventListener('visibilitychange', draw);

  function signOut() {
    sessionStorage.removeItem(NAME);
    presence.leave();
    client.close();
    location.reload();
  }
  byId('sign-out').onclick = signOut;
  // Whoever only closes the tab is gone at once; a call stays for a page that is loaded again.
  addEventListener('pagehide', ({ persisted }) => {
    if (!persisted && !phone.call && !rooms.isShown) client.close();
  });

  byId('me').replaceChildren(make('span', { class: 'unseen' }, 'Signed in as '), shown(client.userid));
  show(byId('sign-in'), false);
  show(app, true);
  view('people');
  presence.enter();
  chats.resume();
  phone.resume();
  if (Rooms.kept) enter(Rooms.kept);
}

const form = byId('sign-in-form');
const field = /** @type {HTMLInputElement} */ (byId('name'));
const button = /** @type {HTMLButtonElement} */ (byId('sign-in-button'));
const fault = byId('name-error');

/** @param {string} name */
async function tryIn(name) {
  fault.textContent = faultOf(name);
  field.setAttribute('aria-invalid', String(!!fault.textContent));
  if (fault.textContent) return field.focus();
  button.disabled = true;
  button.textContent = 'Signing in…';
  try {
    await signIn(name);
  } catch {
    // Browsers do not say why.
    fault.textContent = `No connection. Is the server there, and does its key "origins" allow ${location.origin}?`;
    button.disabled = false;
    button.textContent = 'Sign in';
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  ringing.prepare();
  void tryIn(field.value.trim());
});
// Also where the name was kept, sound needs a click first.
addEventListener('pointerdown', () => ringing.prepare(), { once: true });

const kept = sessionStorage.getItem(NAME);
if (kept) {
  field.value = kept;
  void tryIn(kept);
} else {
  field.focus();
}
