/** Tones, made by the browser: nothing has to be fetched. */

/** What is played: two frequencies, then pairs of sound and silence in seconds, over and over. */
const RING = { tones: [523, 659], pattern: [0.4, 0.2, 0.4, 2] };
const RINGBACK = { tones: [425, 425], pattern: [1, 4] };

export class Ringing {
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {{ gain: GainNode, sources: OscillatorNode[], timer: ReturnType<typeof setInterval> } | undefined} */
  #playing;

  /** Browsers allow sound after the user has done something: call it then. */
  prepare() {
    this.#context ??= new AudioContext();
    void this.#context.resume();
  }

  /** Somebody calls. */
  ring() {
    this.#play(RING, 0.12);
  }

  /** It rings at the other side. */
  ringback() {
    this.#play(RINGBACK, 0.05);
  }

  stop() {
    if (!this.#playing) return;
    clearInterval(this.#playing.timer);
    for (const source of this.#playing.sources) source.stop();
    this.#playing.gain.disconnect();
    this.#playing = undefined;
  }

  /** @param {{ tones: number[], pattern: number[] }} sound @param {number} loudness */
  #play({ tones, pattern }, loudness) {
    this.stop();
    const context = this.#context;
    if (!context) return;
    const gain = new GainNode(context, { gain: 0 });
    gain.connect(context.destination);
    const sources = tones.map((frequency) => {
      const source = new OscillatorNode(context, { frequency });
      source.connect(gain);
      source.start();
      return source;
    });
    const round = pattern.reduce((sum, seconds) => sum + seconds, 0);
    let next = context.currentTime;
    const schedule = () => {
      // One round ahead, so that a busy page leaves no gap.
      while (next < context.currentTime + round) {
        for (let index = 0; index < pattern.length; index += 2) {
          const [sound = 0, silence = 0] = pattern.slice(index, index + 2);
          gain.gain.setTargetAtTime(loudness, next, 0.015);
          gain.gain.setTargetAtTime(0, next + sound, 0.03);
          next += sound + silence;
        }
      }
    };
    schedule();
    this.#playing = { gain, sources, timer: setInterval(schedule, 500) };
  }
}
