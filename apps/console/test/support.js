/** Somebody who looks at the console in a browser. */

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export { launch } from '../../../sdk/js/scripts/chromium.mjs';

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));
/** Where the pictures of each page go. */
export const PICTURES = `${target}/browser/console`;

/** Longer than anything here takes: a test that waits in vain fails instead of hanging. */
const PATIENCE = 90_000;

export class Onlooker {
  page;
  /** What went wrong in the page. @type {string[]} */
  faults = [];

  /** Opens the console. @param {import('playwright-core').Browser} browser @param {string} url */
  static async come(browser, url, { hash = '', context = {}, isFaultExpected = () => false } = {}) {
    const onlooker = new Onlooker();
    const own = await browser.newContext({ viewport: { width: 1360, height: 820 }, ...context });
    own.setDefaultTimeout(PATIENCE);
    const page = await own.newPage();
    onlooker.page = page;
    page.on('pageerror', (error) => onlooker.faults.push(String(error)));
    page.on('console', (message) => {
      const text = message.text();
      // What the server refuses or breaks is what some tests are about; the page has to say it, and the browser says it too.
      if (message.type() === 'error' && !/ERR_|Failed to load resource/.test(text) && !isFaultExpected(text))
        onlooker.faults.push(text);
    });
    page.on('dialog', (dialog) => {
      onlooker.faults.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.addInitScript(() => {
      globalThis.violations = [];
      addEventListener('securitypolicyviolation', ({ violatedDirective }) =>
        globalThis.violations.push(violatedDirective),
      );
    });
    await page.goto(`${url}${hash}`);
    return onlooker;
  }

  async leave() {
    this.faults.push(...(await this.page.evaluate(() => globalThis.violations ?? []).catch(() => [])));
    await this.page.context().close();
  }

  /** Waits until something is shown. */
  sees(selector, options = {}) {
    return this.page.locator(selector, options).first().waitFor({ state: 'visible' });
  }

  /** Waits until something is gone. */
  misses(selector, options = {}) {
    return this.page.locator(selector, options).first().waitFor({ state: 'hidden' });
  }

  click(selector, options = {}) {
    return this.page.locator(selector, options).first().click();
  }

  count(selector) {
    return this.page.locator(selector).count();
  }

  /** Does something on which the page hands out a file, and gives its name and text. */
  async takes(act) {
    const [download] = await Promise.all([this.page.waitForEvent('download'), act()]);
    const stream = await download.createReadStream();
    let text = '';
    for await (const piece of stream) text += piece;
    return { name: download.suggestedFilename(), text };
  }

  /** How much wider the page is than its window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  }

  picture(name) {
    mkdirSync(PICTURES, { recursive: true });
    return this.page.screenshot({ path: `${PICTURES}/${name}.png` });
  }
}
