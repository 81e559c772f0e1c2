import { CallMedia, type MediaSource } from './call-media.js';
import type { CallOptions } from './call-options.js';
import type { Headers, Method, Request, Response } from './core/message.js';
import type { Ending } from './core/records.js';
import { accepted, StrowgerError } from './errors.js';
import type { Line } from './line.js';
import { SDPFRAG } from './media/trickle.js';
import { type Dialled, type Outcome, Transfer, transferring } from './transfer.js';

/** What the messages of a call need of its client. */
export interface MessageOwner<Self> extends MediaSource {
  readonly line: Line;
  call(to: string, options: CallOptions): Self & Dialled;
}

const DTMF = 'application/dtmf-relay';

/** What the two sides of a call tell each other beside their media. */
export abstract class CallMessages<Self> extends CallMedia<Self> {
  abstract readonly id: string;
  abstract readonly peer: string;
  abstract readonly ended: Promise<Ending>;
  /**
   * Asked first about each INFO: true if it answers by itself. Set by whoever uses the call as a signalling path.
   *
   * @internal
   */
  takes: ((request: Request, respond: (code: number, headers?: Headers) => void) => boolean) | undefined;
  /** What the other side calls this dialog. */
  protected partner: unknown;
  readonly #owner: MessageOwner<Self>;
  readonly #referred = new Set<(notify: Request) => void>();

  constructor(owner: MessageOwner<Self>, options: CallOptions) {
    super(owner, options);
    this.#owner = owner;
  }

  abstract hangUp(reason?: string): Promise<void>;

  /** Presses keys, one after another: `0`-`9`, `*`, `#`, `A`-`D`. Resolves when the other side has taken the last. */
  async sendDtmf(tones: string, duration = 160): Promise<void> {
    if (!/^[0-9*#A-D]+$/i.test(tones)) throw new StrowgerError(400, 'not a tone');
    for (const tone of tones.toUpperCase()) {
      await this.info(`Signal=${tone}\r\nDuration=${duration}\r\n`, DTMF);
    }
  }

  /** Sends anything to the other side within the call. Resolves with its answer. */
  info(body: unknown, contentType: string, headers: Headers = {}): Promise<Response> {
    return this.#ask('INFO', { 'Content-Type': contentType, ...headers, Body: body });
  }

  /** Sends a message within the call. */
  async message(body: unknown, contentType = 'text/plain'): Promise<void> {
    await this.#ask('MESSAGE', { 'Content-Type': contentType, Body: body });
  }

  /**
   * Asks the other side to call `target` instead. Resolves when it has reached it, and hangs up; rejects with the code
   * that it was refused with, and the call goes on.
   *
   * `target` may be a call that stands: whoever is at its other end gets this call in its place.
   */
  async transfer(target: string | CallMessages<Self>): Promise<void> {
    const outcome = transferring(this.#referred, this.ended);
    try {
      const to =
        typeof target === 'string'
          ? { 'Refer-To': target }
          : { 'Refer-To': target.peer, Replaces: target.partner };
      await this.#ask('REFER', to);
      await outcome.done;
    } finally {
      outcome.close();
    }
    await this.hangUp('transferred');
  }

  async #ask(method: Method, headers: Headers): Promise<Response> {
    return accepted(await this.#owner.line.request(this.id, method, headers));
  }

  /** The other side tells something. */
  protected onTold(request: Request, respond: (code: number, headers?: Headers) => boolean): void {
    if (request.Type === 'REFER') return this.#onRefer(request);
    if (request.Type === 'INFO' && this.takes?.(request, respond)) return;
    respond(200);
    if (request.Type === 'INFO') return this.#onInfo(request);
    for (const hear of this.#referred) hear(request);
    this.emit('message', request);
  }

  #onInfo(request: Request): void {
    const { Body } = request;
    const type = request['Content-Type'];
    if (type === SDPFRAG && typeof Body === 'string') {
      void this.wire?.candidates(Body).catch(() => {});
    } else if (type === DTMF && typeof Body === 'string') {
      const tone = /Signal\s*=\s*(\S+)/i.exec(Body)?.[1];
      const duration = Number(/Duration\s*=\s*(\d+)/i.exec(Body)?.[1] ?? 160);
      if (tone) this.emit('dtmf', { tone, duration });
    } else {
      this.emit('info', request);
    }
  }

  #onRefer(request: Request): void {
    const { line } = this.#owner;
    const target = request['Refer-To'];
    const answer = (code: number, reason?: string) => line.answer(request, code, reason);
    if (typeof target !== 'string' || !target) return void answer(400, 'Refer-To');
    if (!this.hears('transfer')) return void answer(603);
    const notify = (outcome: Outcome) =>
      this.#ask('NOTIFY', { Event: 'refer', 'Content-Type': 'application/json', Body: outcome }).catch(
        () => {},
      );
    const call = (options: CallOptions) => this.#owner.call(target, { ...this.options, ...options });
    this.emit('transfer', new Transfer(target, answer, notify, call));
  }
}
