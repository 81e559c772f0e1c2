// Messages: JSON objects whose untouched members stay as they came, byte for byte and in their order.
import { members } from './json.js';

/** What requests and responses have in common. */
export class Message {
  #text: string;
  #values: Record<string, unknown> | undefined;
  /** Members that differ from the text; `undefined`: it is gone. */
  readonly #changed = new Map<string, string | undefined>();

  protected constructor(text: string) {
    this.#text = text;
  }

  /** A member's value; `undefined` where there is none. What it gives is a copy of what goes out: use `set`. */
  get(name: string): unknown {
    this.#values ??= JSON.parse(this.#text) as Record<string, unknown>;
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  /** Sets a member to whatever JSON can say; `undefined` removes it. */
  set(name: string, value: unknown): this {
    const raw: string | undefined = JSON.stringify(value);
    this.get(name);
    const values = this.#values as Record<string, unknown>;
    if (raw === undefined) delete values[name];
    else Object.defineProperty(values, name, { value, writable: true, enumerable: true, configurable: true });
    this.#changed.set(name, raw);
    return this;
  }

  /** Takes a member over from another message as it stands there, byte for byte. */
  copy(from: Message, name: string): this {
    for (const [found, raw] of members(from.toString())) {
      if (found !== name) continue;
      this.set(name, from.get(name));
      this.#changed.set(name, raw);
    }
    return this;
  }

  /** Removes a member. */
  remove(name: string): this {
    return this.set(name, undefined);
  }

  /** Who sends requests of this dialog's first direction. */
  get from(): string {
    return this.text('From');
  }

  set from(user: string) {
    this.set('From', user);
  }

  /** For whom they are. */
  get to(): string {
    return this.text('To');
  }

  set to(user: string) {
    this.set('To', user);
  }

  /** The number of the request; a response carries that of the request it answers. */
  get cseq(): number {
    return Number(this.get('CSeq'));
  }

  /** `Body`: anything that JSON can say. */
  get body(): unknown {
    return this.get('Body');
  }

  set body(value: unknown) {
    this.set('Body', value);
  }

  /** Why, for people to read. */
  get reason(): string | undefined {
    const reason = this.get('Reason');
    return typeof reason === 'string' ? reason : undefined;
  }

  set reason(text: string | undefined) {
    this.set('Reason', text);
  }

  /** The message as JSON. */
  toString(): string {
    if (this.#changed.size > 0) {
      this.#text = written(this.#text, this.#changed);
      this.#changed.clear();
    }
    return this.#text;
  }

  /** The same as `JSON.parse(String(message))`. */
  toJSON(): unknown {
    return JSON.parse(this.toString());
  }

  /** A member's value where it is a text, else an empty one. */
  protected text(name: string): string {
    const value = this.get(name);
    return typeof value === 'string' ? value : '';
  }
}

/** A request. */
export class Request extends Message {
  private constructor(text: string) {
    super(text);
  }

  /** Makes a request; the node sets `DialogueID` and `CSeq`. */
  static make(method: string, requestUri: string, from: string, to: string, body?: unknown): Request {
    return new Request(
      JSON.stringify({
        Type: method,
        'Request-URI': requestUri,
        From: from,
        To: to,
        DialogueID: '-',
        CSeq: 1,
        ...(body === undefined ? {} : { Body: body }),
      }),
    );
  }

  /** Reads a request. */
  static parse(text: string): Request {
    return new Request(text);
  }

  /** A copy that can be changed for itself. */
  clone(): Request {
    return Request.parse(this.toString());
  }

  /** `INVITE`, `MESSAGE`, ... */
  get method(): string {
    return this.text('Type');
  }

  set method(method: string) {
    this.set('Type', method);
  }

  /** Whom the request is for. */
  get requestUri(): string {
    return this.text('Request-URI');
  }

  set requestUri(uri: string) {
    this.set('Request-URI', uri);
  }

  /** The way it has yet to go: URIs separated by commas (`Router`). */
  get route(): string | undefined {
    return this.text('Router') || undefined;
  }

  set route(route: string | undefined) {
    this.set('Router', route);
  }

  /** Takes the first URI off the route and gives it back. */
  popRoute(): string | undefined {
    const [first, ...rest] = (this.route ?? '').split(',').map((uri) => uri.trim());
    if (!first) return undefined;
    this.route = rest.join(', ') || undefined;
    return first;
  }

  /** The user whom the node has recognised (`P-Asserted-Identity`), if it says so. */
  get assertedIdentity(): string | undefined {
    return this.text('P-Asserted-Identity') || undefined;
  }
}

/** A response. */
export class Response extends Message {
  private constructor(text: string) {
    super(text);
  }

  /** Makes the response to a request: `From`, `To`, `DialogueID` and `CSeq` are the request's. */
  static to(request: Request, code: number, body?: unknown): Response {
    return new Response(
      JSON.stringify({
        Type: 'RESPONSE',
        Code: code,
        From: request.from,
        To: request.to,
        DialogueID: request.get('DialogueID'),
        CSeq: request.cseq,
        ...(body === undefined ? {} : { Body: body }),
      }),
    );
  }

  /** Reads a response. */
  static parse(text: string): Response {
    return new Response(text);
  }

  /** The status code. */
  get code(): number {
    return Number(this.get('Code'));
  }

  /** 100 to 199: more will come. */
  get isProvisional(): boolean {
    return this.code < 200;
  }

  /** 200 to 299. */
  get isSuccess(): boolean {
    return this.code >= 200 && this.code < 300;
  }
}

function written(text: string, changed: ReadonlyMap<string, string | undefined>): string {
  const parts: string[] = [];
  const done = new Set<string>();
  for (const [name, raw] of members(text)) {
    if (!changed.has(name)) {
      parts.push(`${JSON.stringify(name)}:${raw}`);
    } else if (!done.has(name)) {
      done.add(name);
      const value = changed.get(name);
      if (value !== undefined) parts.push(`${JSON.stringify(name)}:${value}`);
    }
  }
  for (const [name, value] of changed) {
    if (!done.has(name) && value !== undefined) parts.push(`${JSON.stringify(name)}:${value}`);
  }
  return `{${parts.join(',')}}`;
}
