import type { Clock, Page, PageListener, Socket } from '../src/index.js';

/** Time that passes when the test says so. */
export class FakeClock implements Clock {
  time = 0;
  readonly #timers = new Map<object, { at: number; due: () => void }>();

  now(): number {
    return this.time;
  }

  set(ms: number, due: () => void): unknown {
    const timer = {};
    this.#timers.set(timer, { at: this.time + ms, due });
    return timer;
  }

  clear(timer: unknown): void {
    this.#timers.delete(timer as object);
  }

  /** How many call-backs wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass; promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const [timer, first] =
        [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!timer || !first) break;
      this.#timers.delete(timer);
      this.time = Math.max(this.time, first.at);
      first.due();
      await settle();
    }
    this.time = end;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await undefined;
}

/** A socket whose other end is the test. */
export class FakeSocket implements Socket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    const last = FakeSocket.all.at(-1);
    if (!last) throw new Error('no socket');
    return last;
  }
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols?: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(code = 1005): void {
    this.closed = code;
  }

  open(): void {
    this.onopen?.(undefined as never);
  }

  /** The server or the network ends it. */
  break(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason });
  }

  receive(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** Answers the latest request of a type. */
  answer(type: string, code: number, more: object = {}): void {
    const request = this.sent.findLast(({ Type }) => Type === type);
    if (!request) throw new Error(`no ${type} was sent`);
    const { From, To, DialogueID, CSeq } = request;
    this.receive({ Type: 'RESPONSE', Code: code, From, To, DialogueID, CSeq, ...more });
  }

  types(): unknown[] {
    return this.sent.map(({ Type, Code }) => (Type === 'RESPONSE' ? Code : Type));
  }
}

/** A page whose life the test leads. */
export class FakePage {
  listener: PageListener | undefined;
  readonly page: Page = (listener) => {
    this.listener = listener;
    return () => {
      this.listener = undefined;
    };
  };
}
