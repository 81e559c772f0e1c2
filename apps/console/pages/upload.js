/** Loading a version of a service: a component is chosen, or dropped on the page. */

import { make } from '../../shared/elements.js';
import { inPath, queryOf } from '../api.js';
import { bytes, plain } from '../text.js';
import { button } from './panels.js';

/** @typedef {import('../main.js').Console} Console */

/** What a label may have; others lead to one made of the digest. @param {string} file */
export function labelOf(file) {
  const version = /(\d+(?:\.\d+)+[\w.+-]*?)(?:\.wasm)?$/.exec(file)?.[1];
  return version && version.length <= 64 ? version : undefined;
}

export class Upload {
  element;
  #app;
  #service;
  #done;
  #input = /** @type {HTMLInputElement} */ (
    make('input', {
      type: 'file',
      accept: '.wasm,application/wasm',
      class: 'unseen',
      tabindex: -1,
      'aria-label': 'Component',
    })
  );

  /** @param {Console} app @param {string} service @param {() => Promise<void>} done A version was loaded. */
  constructor(app, service, done) {
    this.#app = app;
    this.#service = service;
    this.#done = done;
    this.#input.addEventListener('change', () => {
      const file = this.#input.files?.[0];
      this.#input.value = '';
      if (file) void this.#load(file);
    });
    const choose = button(
      app,
      'deploy',
      { 'data-key': 'load', click: () => this.#input.click() },
      'Load a version',
    );
    this.element = make('span', {}, this.#input, choose);
  }

  /** Takes what is dropped there. @param {HTMLElement} place */
  accept(place) {
    const over = (/** @type {boolean} */ isOver) => place.classList.toggle('dropping', isOver);
    place.addEventListener('dragover', (event) => {
      event.preventDefault();
      over(true);
    });
    place.addEventListener('dragleave', () => over(false));
    place.addEventListener('drop', (event) => {
      event.preventDefault();
      over(false);
      const file = event.dataTransfer?.files[0];
      if (file) void this.#load(file);
    });
  }

  /** @param {File} file */
  async #load(file) {
    const { api, confirm, act } = this.#app;
    const label = labelOf(file.name);
    const isSure = await confirm({
      title: `Load ${plain(file.name)}?`,
      text: `It has ${bytes(file.size)} and becomes ${label ? `version ${label}` : 'a version'} of ${plain(this.#service)}, which new instances get at once. What can be no service is refused and changes nothing.`,
      yes: 'Load it',
    });
    if (!isSure) return;
    const path = `/v1/services/${inPath(this.#service)}/versions${queryOf({ label })}`;
    await act('The version is loaded.', () =>
      api.request(path, { method: 'POST', headers: { 'Content-Type': 'application/wasm' }, body: file }),
    );
    await this.#done();
  }
}
