/** The console: who looks, where he is, and what is told on every page. */

import { byId, make, show, toast } from '../shared/elements.js';
import { Api } from './api.js';
import { CallPage } from './pages/call.js';
import { CallsPage } from './pages/calls.js';
import { ChannelsPage } from './pages/channels.js';
import { LinksPage } from './pages/links.js';
import { OverviewPage } from './pages/overview.js';
import { ServicesPage } from './pages/services.js';
import { Problem } from './problem.js';
import { read } from './routes.js';
import { plain } from './text.js';

/** @typedef {import('./routes.js').Route} Route */
/**
 * A page. `show` says whether it can go on with another route, instead of being made anew.
 * @typedef {{ element: HTMLElement, title: string, show?(route: Route): boolean, close(): void }} Page
 */
/** What pages are given. @typedef {{ api: Api, confirm: typeof confirm, act: typeof act }} Console */

/** How often it is asked whether the node takes users, in milliseconds. */
const ASK_MS = 5_000;

const main = byId('main');
const api = new Api(askToken, tellWho);

/** @type {Record<string, (app: Console, route: Route) => Page>} */
const PAGES = {
  overview: (app) => new OverviewPage(app),
  calls: (app, route) => (route.name === undefined ? new CallsPage(app, route) : new CallPage(app, route)),
  channels: (app, route) => new ChannelsPage(app, route),
  services: (app, route) => new ServicesPage(app, route),
  links: (app) => new LinksPage(app),
};

/** Asks for a token until one is given. @param {string} why @returns {Promise<string>} */
function askToken(why) {
  const sheet = /** @type {HTMLDialogElement} */ (byId('token-sheet'));
  const field = /** @type {HTMLInputElement} */ (byId('token'));
  byId('token-fault').textContent = why && `${plain(why)}.`;
  field.value = '';
  sheet.oncancel = (event) => event.preventDefault();
  if (!sheet.open) sheet.showModal();
  field.focus();
  return new Promise((resolve) => {
    byId('token-form').onsubmit = (event) => {
      event.preventDefault();
      const token = field.value.trim();
      // A header cannot hold anything else.
      if (!/^[\x21-\x7e]+$/.test(token)) {
        byId('token-fault').textContent = 'A token has no blanks and only ASCII characters.';
        return;
      }
      field.value = '';
      sheet.close();
      resolve(token);
    };
  });
}

function tellWho() {
  const { caller, hasToken } = api;
  byId('who').textContent = caller && hasToken ? `${plain(caller.name)} · ${plain(caller.role)}` : '';
  show(byId('sign-out'), hasToken);
  main.dispatchEvent(new Event('role'));
}

/** Whether the user wants it. @param {{ title: string, text: string, yes: string }} question @returns {Promise<boolean>} */
function confirm({ title, text, yes }) {
  const sheet = /** @type {HTMLDialogElement} */ (byId('confirm-sheet'));
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  sheet.returnValue = '';
  sheet.showModal();
  byId('confirm-no').focus();
  byId('confirm-no').onclick = () => sheet.close('no');
  byId('confirm-yes').onclick = () => sheet.close('yes');
  return new Promise((resolve) => {
    sheet.addEventListener('close', () => resolve(sheet.returnValue === 'yes'), { once: true });
  });
}

/** Does something and says what came of it. @param {string} done @param {() => Promise<unknown>} change @returns {Promise<boolean>} */
async function act(done, change) {
  try {
    await change();
    toast(done);
    return true;
  } catch (error) {
    toast(`Not done: ${plain(error instanceof Error ? error.message : error)}`);
    return false;
  }
}

const app = { api, confirm, act };
/** @type {Page | undefined} */
let page;
let at = '';

function go() {
  // The link past the navigation is none to a page.
  if (location.hash === '#main') return main.focus();
  const route = read(location.hash);
  const name = Object.hasOwn(PAGES, route.page) ? route.page : 'overview';
  for (const link of byId('nav').querySelectorAll('a')) {
    const isHere = link.hash === `#/${name}`;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const here = name === 'calls' && route.name !== undefined ? 'call' : name;
  if (page && here === at && page.show?.(route)) {
    document.title = `${page.title} · Strowger`;
    return;
  }
  page?.close();
  page = PAGES[name]?.(app, route);
  at = here;
  if (!page) return;
  main.replaceChildren(page.element);
  main.scrollTop = 0;
  // What had the focus may be gone with the page before.
  if (document.activeElement === document.body) main.focus({ preventScroll: true });
  document.title = `${page.title} · Strowger`;
}

async function tellNode() {
  const chip = byId('node-state');
  let [state, text] = ['offline', 'No answer'];
  try {
    await api.text('/readyz');
    [state, text] = ['online', 'Takes users'];
  } catch (error) {
    if (error instanceof Problem && error.status === 503) [state, text] = ['reconnecting', 'Draining'];
  }
  chip.dataset.state = state;
  if (chip.textContent !== text) chip.replaceChildren(make('i', { class: 'dot' }), text);
}

byId('sign-out').onclick = () => {
  api.forget();
  location.reload();
};
addEventListener('hashchange', go);
go();
void api.know();
void tellNode();
setInterval(() => void tellNode(), ASK_MS);
