import type { Headers, Method, Request, Response } from '../src/core/message.js';
import type { Output } from '../src/core/records.js';
import { Stack, type StackOptions } from '../src/core/stack.js';

/** How much a stack remembers: dialogs that live, dialogs that are over, requests without a response. */
export function sizesOf({ core: { dialogs, finished, outbox } }: Stack) {
  return { live: dialogs.size - finished.size, finished: finished.size, requests: outbox.requests };
}

/** One of two stacks, with what came out of it. */
export class End {
  readonly stack: Stack;
  readonly told: Exclude<Output, { kind: 'send' }>[] = [];
  /** Frames on the wire: when they arrive, and what they say. */
  readonly wire: { at: number; text: string }[] = [];
  /** Everything that was ever written. */
  readonly written: string[] = [];

  constructor(options: StackOptions) {
    this.stack = new Stack(options);
  }

  /** What was told, in short: `response 200`, `request BYE`, `incoming INVITE`, `ended 487 cancelled`. */
  get story(): string[] {
    return this.told.map((output) => {
      if (output.kind === 'response') return `response ${output.response.Code}`;
      if (output.kind === 'incoming' || output.kind === 'request')
        return `${output.kind} ${output.request.Type}`;
      if (output.kind === 'ended') return `ended ${output.code} ${output.reason}`;
      return output.kind;
    });
  }

  last(kind: 'incoming' | 'request'): Request {
    const found = this.told.findLast((output) => output.kind === kind);
    if (found?.kind !== 'incoming' && found?.kind !== 'request') throw new Error(`no ${kind}`);
    return found.request;
  }

  lastResponse(): Response {
    const found = this.told.findLast((output) => output.kind === 'response');
    if (found?.kind !== 'response') throw new Error('no response');
    return found.response;
  }
}

/** Two stacks joined by a wire with a latency, in virtual time. */
export class Pair {
  readonly alice: End;
  readonly bob: End;
  now = 1_000;
  isUp = false;
  #dialogs = 0;

  constructor(options: StackOptions = {}) {
    this.alice = new End(options);
    this.bob = new End(options);
    this.join();
  }

  join(): void {
    if (this.isUp) return;
    this.isUp = true;
    for (const end of this.#ends()) end.stack.connected(this.now);
    this.#drain();
  }

  /** The socket is gone; what is on the wire is lost. */
  cut(): void {
    if (!this.isUp) return;
    this.isUp = false;
    for (const end of this.#ends()) {
      end.wire.length = 0;
      end.stack.disconnected(this.now);
    }
    this.#drain();
  }

  /** Loses what is on the wire, and nobody notices. */
  swallow(): void {
    for (const end of this.#ends()) end.wire.length = 0;
  }

  open(method: Method, headers: Headers = {}): string {
    this.#dialogs += 1;
    const dialog = `d${this.#dialogs}`;
    this.alice.stack.open(this.now, { method, dialog, from: 'alice', to: 'bob', headers });
    this.#drain();
    return dialog;
  }

  send(end: End, dialog: string, method: Method, headers: Headers = {}): void {
    end.stack.request(this.now, dialog, method, headers);
    this.#drain();
  }

  respond(end: End, code: number, headers: Headers = {}, request = this.#latest(end)): void {
    end.stack.respond(this.now, request.DialogueID, request.CSeq, code, headers);
    this.#drain();
  }

  /** Lets time pass: frames arrive and deadlines are met in their order. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next > end) break;
      this.now = Math.max(this.now, next);
      this.#step();
    }
    this.now = end;
  }

  /** A call that stands. */
  call(headers: Headers = {}): string {
    const dialog = this.open('INVITE', { Body: 'offer', ...headers });
    this.pass(100);
    this.respond(this.bob, 180);
    this.pass(100);
    this.respond(this.bob, 200, { Body: 'answer' });
    this.pass(100);
    this.send(this.alice, dialog, 'ACK');
    this.pass(100);
    return dialog;
  }

  #latest(end: End): Request {
    const found = end.told.findLast((output) => output.kind === 'incoming' || output.kind === 'request');
    if (found?.kind !== 'incoming' && found?.kind !== 'request') throw new Error('nothing to answer');
    return found.request;
  }

  #ends(): [End, End] {
    return [this.alice, this.bob];
  }

  #next(): number | undefined {
    const times = this.#ends().flatMap((end) => [end.wire[0]?.at, end.stack.deadline]);
    const known = times.filter((time) => time !== undefined);
    return known.length ? Math.min(...known) : undefined;
  }

  #step(): void {
    for (const [to, from] of [
      [this.alice, this.bob],
      [this.bob, this.alice],
    ] as const) {
      while ((from.wire[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) {
        to.stack.receive(this.now, from.wire.shift()?.text ?? '');
        this.#drain();
      }
      to.stack.tick(this.now);
      this.#drain();
    }
  }

  #drain(): void {
    for (const end of this.#ends()) {
      for (let output = end.stack.poll(); output; output = end.stack.poll()) {
        if (output.kind !== 'send') end.told.push(output);
        else if (this.isUp) {
          end.wire.push({ at: this.now + 10, text: output.text });
          end.written.push(output.text);
        }
      }
    }
  }
}
