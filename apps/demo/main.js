/** Signing in. */

import { Client } from '../../sdk/js/src/index.js';
import { App } from './app.js';
import { byId } from './elements.js';
import { Ladder } from './ladder.js';
import { faultOf, userOf } from './names.js';
import { Phone } from './phone.js';
import { Ringing } from './ringing.js';

/** Keeps the name over a reload of this tab; another tab has another one. */
const NAME = 'strowger.name';
/** The same for the token, where the server asks for one. */
const TOKEN = 'strowger.token';
/** The path of the WebSocket, where it is not the usual one: `/?path=/signalling`. */
const PATH = new URLSearchParams(location.search).get('path') ?? '/rtc';

const ringing = new Ringing();
const form = byId('sign-in-form');
const field = /** @type {HTMLInputElement} */ (byId('name'));
const tokenField = /** @type {HTMLInputElement} */ (byId('token'));
const button = /** @type {HTMLButtonElement} */ (byId('sign-in-button'));
const fault = byId('name-error');

/** @param {string} name @param {string} token */
async function signIn(name, token) {
  fault.textContent = faultOf(name);
  field.setAttribute('aria-invalid', String(!!fault.textContent));
  if (fault.textContent) return field.focus();
  button.disabled = true;
  button.textContent = 'Signing in…';
  const client = new Client({ url: PATH, userid: userOf(name), ...(token && { token }) });
  // Before the connection: the server tells of a call that lives only to whoever listens by then.
  const [phone, ladder] = [new Phone(client), new Ladder(client)];
  try {
    await client.connect();
  } catch {
    // Browsers do not say why.
    fault.textContent = `No connection. Is the server there, does its key "origins" allow ${location.origin}, and is ${
      token ? 'the token the one of this name' : 'no token needed'
    }?`;
    button.disabled = false;
    button.textContent = 'Sign in';
    return;
  }
  sessionStorage.setItem(NAME, name);
  sessionStorage.setItem(TOKEN, token);
  const forget = () => {
    for (const key of [NAME, TOKEN]) sessionStorage.removeItem(key);
  };
  new App(client, phone, ladder, ringing, forget).begin();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  ringing.prepare();
  void signIn(field.value.trim(), tokenField.value.trim());
});
// Also where the name was kept, sound needs a click or a key first.
for (const touch of ['pointerdown', 'keydown'])
  addEventListener(touch, () => ringing.prepare(), { once: true });

const kept = sessionStorage.getItem(NAME);
if (kept) {
  field.value = kept;
  tokenField.value = sessionStorage.getItem(TOKEN) ?? '';
  void signIn(kept, tokenField.value);
} else {
  field.focus();
}
