/** Cameras, microphones and loudspeakers: which are used, and what they give. */

import { byId, make } from './elements.js';
import { explainMedia } from './words.js';

const KINDS = /** @type {const} */ ([
  ['camera', 'videoinput', 'Camera'],
  ['microphone', 'audioinput', 'Microphone'],
  ['loudspeaker', 'audiooutput', 'Loudspeaker'],
]);

/** @typedef {'camera' | 'microphone' | 'loudspeaker'} Name */

/** What the user chose, kept for the next visit. @param {string} name */
const chosen = (name) => localStorage.getItem(`strowger.${name}`) ?? '';

/** What is asked for, of the chosen device. @param {'camera' | 'microphone'} name @returns {MediaStreamConstraints} */
export function wanted(name) {
  const device = chosen(name) ? { deviceId: { ideal: chosen(name) } } : {};
  if (name === 'camera') return { video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 } } };
  return { audio: { ...device, echoCancellation: true, noiseSuppression: true } };
}

/**
 * Camera and microphone; without the camera where there is none, or where only sound is wanted.
 * @param {boolean} isVideo
 * @returns {Promise<MediaStream>}
 */
export async function open(isVideo) {
  const audio = wanted('microphone');
  if (!navigator.mediaDevices) throw new Error('no secure context');
  try {
    return await navigator.mediaDevices.getUserMedia({ ...audio, ...(isVideo && wanted('camera')) });
  } catch (error) {
    if (!isVideo || !(error instanceof Error) || error.name === 'NotAllowedError') throw error;
    return navigator.mediaDevices.getUserMedia(audio);
  }
}

/** The kind of what a device gives. @param {'camera' | 'microphone'} name @returns {'audio' | 'video'} */
export const kindOf = (name) => (name === 'camera' ? 'video' : 'audio');

/** Ends what a stream takes in. @param {MediaStream | undefined} stream */
export function close(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Plays through the chosen loudspeaker, where the browser can. @param {HTMLMediaElement} element */
export function hearThrough(element) {
  if (chosen('loudspeaker') && 'setSinkId' in element)
    element.setSinkId(chosen('loudspeaker')).catch(() => {});
}

/** The sheet in which they are chosen. */
export class Devices {
  /** @type {MediaStream | undefined} */
  #stream;
  #sheet = /** @type {HTMLDialogElement} */ (byId('devices'));

  /** `changed` is told of each choice. @param {(name: Name) => void} changed */
  constructor(changed) {
    for (const [name] of KINDS) {
      byId(name).addEventListener('change', ({ target }) => {
        localStorage.setItem(`strowger.${name}`, /** @type {HTMLSelectElement} */ (target).value);
        changed(name);
        void this.#look();
      });
    }
    byId('devices-close').addEventListener('click', () => this.#sheet.close());
    this.#sheet.addEventListener('close', () => this.#stop());
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#sheet.open && void this.#list());
  }

  async show() {
    this.#sheet.showModal();
    await this.#look();
  }

  #stop() {
    close(this.#stream);
    this.#stream = undefined;
    /** @type {HTMLVideoElement} */ (byId('preview')).srcObject = null;
  }

  async #look() {
    this.#stop();
    const fault = byId('devices-error');
    fault.textContent = '';
    try {
      const stream = await open(true);
      this.#stream = stream;
      if (!this.#sheet.open) return this.#stop();
      /** @type {HTMLVideoElement} */ (byId('preview')).srcObject = stream;
    } catch (error) {
      fault.textContent = explainMedia(error);
    }
    await this.#list();
  }

  async #list() {
    // Names are told only after the user has allowed to use them.
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const [name, kind, title] of KINDS) {
      const found = devices.filter((device) => device.kind === kind && device.deviceId);
      const options = found.map(({ deviceId, label }, index) =>
        make(
          'option',
          { value: deviceId, selected: deviceId === chosen(name) },
          label || `${title} ${index + 1}`,
        ),
      );
      const select = /** @type {HTMLSelectElement} */ (byId(name));
      select.replaceChildren(
        make('option', { value: '' }, found.length ? "The system's choice" : 'None found'),
        ...options,
      );
      if (found.some(({ deviceId }) => deviceId === chosen(name))) select.value = chosen(name);
      select.disabled = !found.length;
    }
  }
}
