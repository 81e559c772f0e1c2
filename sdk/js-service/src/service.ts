// What the author of a service writes.
import type { Context } from './context.js';
import type { Event, HttpAsked } from './event.js';
import type { Request } from './message.js';

/** One running copy of a service: it owns legs, and handles one event at a time. */
export interface Instance {
  /** Handles one event. What it throws ends the instance as failed, and it alone. */
  handle(event: Event, cx: Context): void;
  /** What another version needs to go on from here; without it the instance stays with its version. Changes nothing. */
  save?(cx: Context): Uint8Array | string | undefined;
}

/** A service: makes an instance for each new dialog that reaches no running one. */
export interface Service {
  /** Makes an instance; its first event follows at once. */
  start(cx: Context): Instance;
  /** The key of a request: those with equal keys reach one instance. Depends on the request alone. */
  key?(request: Request): string | undefined;
  /**
   * Whether its instances are told of legs that are over in the usual course: `ended` with the cause `completed`, which follows
   * the final response. Default yes; a service that passes messages on and needs them not is called half as often.
   */
  readonly hearsCompleted?: boolean;
  /** Whether it takes HTTP requests. Default no. */
  readonly takesHttp?: boolean;
  /** The same as `key` for an HTTP request. */
  httpKey?(request: HttpAsked): string | undefined;
  /** Throws what is wrong with these settings, a JSON object as the operator wrote it; he reads the message. */
  checkConfig?(config: unknown): void;
  /**
   * Makes an instance that goes on where one of another version was saved. What it throws the operator reads, and the old
   * instance goes on. Without it, instances stay with their version.
   */
  restore?(saved: Uint8Array, cx: Context): Instance;
}

/** Gives a service its type; nothing else. */
export function service(definition: Service): Service {
  return definition;
}
