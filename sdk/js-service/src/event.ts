// What happens to an instance, and what it says over HTTP.
import { Request, Response } from './message.js';
import { decode, encode } from './utf8.js';
import type * as wit from './wit.js';

/** An HTTP request: one that an instance makes, or gets. */
export interface HttpRequest {
  readonly method: string;
  /** The whole URL of a request that an instance makes; path and query below `/services/NAME/` of one that it gets. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | string;
  /** How long a response may take, in milliseconds. Default 10,000. */
  readonly timeout?: number;
}

/** An HTTP request that came. */
export interface HttpAsked extends HttpRequest {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** The body as text. */
  readonly text: string;
}

/** An HTTP response that an instance gives. */
export interface HttpAnswer {
  /** 100 to 599. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | string;
}

/** An HTTP response that an instance gets. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** The body as text. */
  readonly text: string;
}

/** Something that happened to an instance. `docs/services.md` says when which comes. */
export type Event =
  | { readonly type: 'incoming'; readonly leg: number; readonly request: Request }
  | { readonly type: 'request'; readonly leg: number; readonly request: Request }
  | { readonly type: 'response'; readonly leg: number; readonly to: number; readonly response: Response }
  | { readonly type: 'timer'; readonly timer: number }
  | { readonly type: 'expired'; readonly leg: number; readonly cseq: number }
  | {
      readonly type: 'refused';
      readonly leg: number;
      readonly request: number | undefined;
      readonly error: wit.SendError;
    }
  | { readonly type: 'ended'; readonly leg: number; readonly cause: wit.EndCause }
  | { readonly type: 'fetched'; readonly id: number; readonly response: HttpResponse; readonly error?: never }
  | {
      readonly type: 'fetched';
      readonly id: number;
      readonly error: wit.FetchError;
      readonly response?: never;
    }
  | { readonly type: 'http'; readonly id: number; readonly request: HttpAsked }
  | { readonly type: 'published'; readonly topic: string; readonly text: string }
  | { readonly type: 'store-changed'; readonly key: string; readonly version: number | undefined }
  | { readonly type: 'synced'; readonly id: number; readonly fault: string | undefined }
  | { readonly type: 'config-changed' }
  /** What is not over after so many milliseconds ends with the node. */
  | { readonly type: 'shutdown'; readonly within: number };

/** An event as the author sees it; `undefined` for one that only a newer kit knows. */
export function read(event: wit.Event): Event | undefined {
  switch (event.tag) {
    case 'incoming':
    case 'request':
      return { type: event.tag, leg: event.val.leg, request: Request.parse(event.val.message) };
    case 'response': {
      const { leg, to, message } = event.val;
      return { type: 'response', leg, to, response: Response.parse(message) };
    }
    case 'timer':
      return { type: 'timer', timer: event.val };
    case 'expired':
      return { type: 'expired', leg: event.val.leg, cseq: Number(event.val.cseq) };
    case 'refused': {
      const { leg, request, error } = event.val;
      return { type: 'refused', leg, request: request ?? undefined, error };
    }
    case 'ended':
      return { type: 'ended', leg: event.val.leg, cause: event.val.cause };
    case 'fetched':
      return fetched(event.val);
    case 'http':
      return { type: 'http', id: event.val.id, request: asked(event.val.request) };
    case 'published':
      return { type: 'published', topic: event.val.topic, text: event.val.text };
    case 'store-changed':
      return { type: 'store-changed', key: event.val.key, version: event.val.version ?? undefined };
    case 'synced':
      return { type: 'synced', id: event.val.id, fault: event.val.fault ?? undefined };
    case 'config-changed':
      return { type: 'config-changed' };
    case 'shutdown':
      return { type: 'shutdown', within: Number(event.val) / 1000 };
    default:
      return undefined;
  }
}

/** The leg that an event is about. */
export function legOf(event: Event): number | undefined {
  return 'leg' in event ? event.leg : undefined;
}

/** A request that came over HTTP, as the author sees it. */
export function asked(request: wit.HttpRequest): HttpAsked {
  const { method, url, headers, body } = request;
  return { method, url, headers, ...readable(body) };
}

/** An HTTP request of the author's. */
export function asking(request: HttpRequest): wit.HttpRequest {
  const { method, url, headers, body, timeout = 10_000 } = request;
  return { method, url, headers: pairs(headers), body: bytes(body), timeout: Math.round(timeout * 1000) };
}

/** An answer of the author's. */
export function answering(answer: HttpAnswer): wit.HttpResponse {
  return { status: answer.status, headers: pairs(answer.headers), body: bytes(answer.body) };
}

/** A text in UTF-8, or bytes as they are. */
export function bytes(body: Uint8Array | string | undefined): Uint8Array {
  return typeof body === 'string' ? encode(body) : (body ?? new Uint8Array(0));
}

function fetched({ id, outcome }: wit.Fetched): Event {
  if (outcome.tag === 'err') return { type: 'fetched', id, error: outcome.val };
  const { status, headers, body } = outcome.val;
  return { type: 'fetched', id, response: { status, headers, ...readable(body) } };
}

/** Most bodies are never read as text. */
function readable(body: Uint8Array): { body: Uint8Array; readonly text: string } {
  return {
    body,
    get text() {
      return decode(body);
    },
  };
}

function pairs(headers: readonly (readonly [string, string])[] = []): [string, string][] {
  return headers.map(([name, value]) => [name, value]);
}
