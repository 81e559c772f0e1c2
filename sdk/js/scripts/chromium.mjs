// Headless Chromium with made-up cameras: Debian's, or CHROMIUM. All tests in a browser start it here.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--mute-audio',
  '--allow-loopback-in-peer-connection',
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Starts it, with more flags if wanted. */
export function launch(more = []) {
  if (existsSync(BROWSER)) return chromium.launch({ executablePath: BROWSER, args: [...FLAGS, ...more] });
  throw new Error(`no browser at ${BROWSER}: apt-get install chromium, or set CHROMIUM`);
}
