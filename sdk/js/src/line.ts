import type { Clock } from './clock.js';
import type { Headers, Method, Request, Response } from './core/message.js';
import type { Output } from './core/records.js';
import { type Opening, Stack, type StackOptions } from './core/stack.js';
import { StrowgerError } from './errors.js';

/** What a line asks of its owner. */
export interface LineOwner {
  readonly state: string;
  send(text: string): void;
  /** Everything else that comes out of the stack, but for responses. */
  told(output: Exclude<Output, { kind: 'send' | 'response' }>): void;
}

type Progress = (response: Response) => void;

/** Drives the stack: carries its outputs out in their order, keeps its time, makes promises of its responses. */
export class Line {
  readonly stack: Stack;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #owner: LineOwner;
  readonly #waiting = new Map<number, [resolve: Progress, onProgress: Progress | undefined]>();
  #isDraining = false;
  #timer: unknown;

  constructor(owner: LineOwner, clock: Clock, random: () => number, options: StackOptions) {
    this.stack = new Stack(options);
    this.clock = clock;
    this.random = random;
    this.#owner = owner;
  }

  /** An id that cannot be guessed. */
  id(): string {
    // Nine digits before the point, of which the first is 1.
    const part = () => (this.random() * 2 ** 32 + 2 ** 32).toString(16).slice(1, 9);
    return part() + part() + part() + part();
  }

  /** Tells the stack something, and does what it wants done. */
  tell(input: (stack: Stack, now: number) => void): void {
    input(this.stack, this.clock.now());
    this.#drain();
  }

  /** Begins a dialog. Resolves with the final response, whatever it says. */
  open(opening: Opening, onProgress?: Progress): Promise<Response> {
    return this.#ask((stack, now) => stack.open(now, opening), onProgress);
  }

  /** Sends a request within a session. Resolves with the final response, whatever it says. */
  request(dialog: string, method: Method, headers: Headers): Promise<Response> {
    return this.#ask((stack, now) => stack.request(now, dialog, method, headers));
  }

  /** Acknowledges the latest 2xx; if the session has ended meanwhile, nobody waits for it. */
  ack(dialog: string, headers?: Headers): void {
    try {
      this.tell((stack, now) => stack.request(now, dialog, 'ACK', headers));
    } catch {
      // As said.
    }
  }

  /** Answers a request; false if it has an answer. */
  respond({ DialogueID, CSeq }: Request, code: number, headers: Headers = {}): boolean {
    try {
      this.tell((stack, now) => stack.respond(now, DialogueID, CSeq, code, headers));
    } catch (error) {
      if (error instanceof StrowgerError && error.code === 481) return false;
      throw error;
    }
    return true;
  }

  /** Answers a request, with a reason if it is a refusal. */
  answer(request: Request, code: number, reason?: string): boolean {
    return this.respond(request, code, { Reason: reason || undefined });
  }

  #ask(send: (stack: Stack, now: number) => number, onProgress?: Progress): Promise<Response> {
    return new Promise((resolve) => {
      if (this.#owner.state === 'offline') throw new StrowgerError(480, 'not connected');
      this.tell((stack, now) => this.#waiting.set(send(stack, now), [resolve, onProgress]));
    });
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let output = this.stack.poll(); output; output = this.stack.poll()) {
      if (output.kind === 'send') this.#owner.send(output.text);
      else if (output.kind === 'response') this.#answered(output.token, output.response);
      else this.#owner.told(output);
    }
    this.#isDraining = false;
    this.clock.clear(this.#timer);
    const { deadline } = this.stack;
    if (deadline === undefined) return;
    this.#timer = this.clock.set(Math.max(0, deadline - this.clock.now()), () =>
      this.tell((stack, now) => stack.tick(now)),
    );
  }

  #answered(token: number, response: Response): void {
    const [resolve, onProgress] = this.#waiting.get(token) ?? [];
    if (response.Code < 200) return onProgress?.(response);
    this.#waiting.delete(token);
    resolve?.(response);
  }
}
