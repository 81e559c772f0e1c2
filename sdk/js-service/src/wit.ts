// Printed from wit/; `BLESS=1 cargo test -p strowger-host --test typescript` prints it anew.
//
// Values are what the engine in a component takes and gives: records are objects, variants have a `tag` and a `val`, an
// option without a value is null, 64 bits are a number (exact up to 2 to the power of 53), and a function whose result
// has an error throws it.

/** One dialog of an instance. Numbers of legs count from 1 within an instance and are never used again. */
export type Leg = number;

/** A request that the instance sent; it comes back with each response. Counts from 1 within an instance. */
export type RequestId = number;

/** A timer that the instance set. Counts from 1 within an instance. */
export type Timer = number;

/** An HTTP request that the instance made; it comes back with the response. Counts from 1 within an instance. */
export type FetchId = number;

/** An HTTP request that the instance got, to be answered once. The node numbers them. */
export type HttpId = number;

/** A wish for the store to be on disk; it comes back once it is. Counts from 1 within an instance. */
export type SyncId = number;

/** A span of time, in microseconds. */
export type Duration = number;

/**
 * A JSIP message: one JSON object, as it is on the wire. Headers that nobody changed, headers that the node does not
 * know and `Body` are those that came, byte for byte and in their order; in what an instance sends, they go out so.
 *
 * `DialogueID` and `CSeq` of a request are set by the node: whatever legal value stands there is replaced (`"-"` and
 * `1` will do). A response carries the `CSeq` of the request that it answers.
 */
export type Message = string;

/** What an instance is told once, when it is made. */
export interface Setup {
  /** Where the instance takes its chance from: 128 bits that nobody can guess. */
  seed: [number, number];
  /**
   * Tells what `host.facts` and `host.config` say now from what they have said to this component instance at other
   * times. Where the number is that of an earlier instance, they say what they said to that one.
   */
  surroundings: number;
}

/**
 * The last number given out of each kind, by either side; 0 before the first. What an instance makes is numbered on
 * from here, in the order of the commands.
 */
export interface Last {
  /** The last leg. `event.incoming` brings one, `command.open` makes one. */
  leg: Leg;
  /** The last request. */
  request: RequestId;
  /** The last timer. */
  timer: Timer;
  /** The last relation id. */
  relation: number;
  /** The last HTTP request of the instance. */
  fetch: FetchId;
  /** The last wish for the store to be on disk. */
  sync: SyncId;
}

/** Where an instance that was saved goes on. */
export interface Moment {
  /** The time since the node started. */
  now: Duration;
  /** The last numbers. */
  last: Last;
}

/** A message on a leg. */
export interface OnLeg {
  /** The leg. */
  leg: Leg;
  /** The message. */
  message: Message;
}

/** A response on a leg. */
export interface Answered {
  /** The leg. */
  leg: Leg;
  /** The request that it answers. */
  to: RequestId;
  /** The response. */
  message: Message;
}

/** A request that was not answered in time. */
export interface Overdue {
  /** The leg. */
  leg: Leg;
  /** The request's `CSeq`. */
  cseq: number;
}

/** A method, as `Type` spells it: `INVITE`, `BYE`, ... */
export type Method = string;

/** What a session's state does not allow. */
export interface IllegalMethod {
  /** What was to be sent. */
  method: Method;
  /** The name of the session's state. */
  state: string;
}

/** A header at fault. */
export interface BadHeader {
  /** The header. */
  header: string;
  /** What is wrong with it. */
  fault: string;
}

/** Why a command was not carried out. Nothing went out on the wire. */
export type SendError =
  /** There never was such a leg. */
  | { tag: 'unknown-leg' }
  /** The leg has ended. */
  | { tag: 'leg-ended' }
  /** The request to be answered is not open: it was never received, or has its final response. */
  | { tag: 'answered' }
  /** The session's state does not allow the method. */
  | { tag: 'illegal'; val: IllegalMethod }
  /** A header is at fault. */
  | { tag: 'syntax'; val: BadHeader }
  /** The instance has as many legs as it may have. */
  | { tag: 'too-many-legs' }
  /** The event caused more commands than it may. */
  | { tag: 'too-many-commands' }
  /** Something that a newer node knows; the text says what. */
  | { tag: 'other'; val: string };

/** A command that was not carried out. */
export interface Refusal {
  /** The leg of the command. */
  leg: Leg;
  /** The request, if it was one. */
  request: RequestId | null;
  /** Why. */
  error: SendError;
}

/** Why a leg ended. */
export type EndCause =
  /** A BYE, from either side. */
  | 'bye'
  /** The INVITE was cancelled. */
  | 'cancelled'
  /** The request that began the leg was answered with 300 or above. */
  | 'refused'
  /** The one transaction of a leg outside an INVITE session has its final response. */
  | 'completed'
  /** Somebody did not answer, acknowledge or refresh in time. */
  | 'timed-out'
  /** The peer's channel is lost. */
  | 'channel-lost'
  /** The instance gave the leg up. */
  | 'finished'
  /** Something that a newer node knows. */
  | 'other';

/** A leg that is over. */
export interface End {
  /** The leg. */
  leg: Leg;
  /** Why it ended. */
  cause: EndCause;
}

/** An HTTP request: one that an instance makes, or gets. */
export interface HttpRequest {
  /** `GET`, `POST` and so on. */
  method: string;
  /** The whole URL of a request that an instance makes; path and query below `/services/NAME/` of one that it gets. */
  url: string;
  /** Names in lower case, with their values. */
  headers: [string, string][];
  /** The body. */
  body: Uint8Array;
  /** How long a response may take; 0 in a request that an instance gets. */
  timeout: Duration;
}

/** An HTTP response. */
export interface HttpResponse {
  /** The status, 100 to 599. */
  status: number;
  /** Names in lower case, with their values. */
  headers: [string, string][];
  /** The body. */
  body: Uint8Array;
}

/** Why an HTTP request got no response. */
export type FetchError =
  /** The operator has not granted the service this URL. */
  | { tag: 'not-granted' }
  /** It is no request; the text says why. */
  | { tag: 'invalid'; val: string }
  /** The service has as many requests open as it may have. */
  | { tag: 'too-many' }
  /** Nobody is there, or the connection broke; the text says more. */
  | { tag: 'failed'; val: string }
  /** There was no response in time. */
  | { tag: 'timed-out' }
  /** The response is too large. */
  | { tag: 'too-large' }
  /** Something that a newer node knows; the text says what. */
  | { tag: 'other'; val: string };

/** What became of an HTTP request. */
export interface Fetched {
  /** The request. */
  id: FetchId;
  /** The response, whatever its status, or why there is none. */
  outcome: { tag: 'ok'; val: HttpResponse } | { tag: 'err'; val: FetchError };
}

/** An HTTP request to be answered. */
export interface HttpAsked {
  /** Names it. */
  id: HttpId;
  /** The request. */
  request: HttpRequest;
}

/** Something that is said to siblings: the other instances of the service, on whichever shard. */
export interface Publication {
  /** The topic. */
  topic: string;
  /** What is said. */
  text: string;
}

/** A key of the store that has changed. */
export interface StoreChange {
  /** The key. */
  key: string;
  /** The version that is there now; `none`: the key is gone. */
  version: number | null;
}

/** The store as it was at the command is on disk, or could not be written. */
export interface Synced {
  /** The wish. */
  id: SyncId;
  /** What went wrong, for people to read; `none`: it is on disk. */
  fault: string | null;
}

/** Something that happened to an instance. Events of one leg come in the order in which they happened. */
export type Event =
  /** A request began a dialog: a new leg. Answer it, now or later. The first event of an instance is this or `http`. */
  | { tag: 'incoming'; val: OnLeg }
  /** A request came within a dialog. ACK, CANCEL and BYE need no answer: the node has given it. */
  | { tag: 'request'; val: OnLeg }
  /** A response came, or the node made one up: 408 nobody answered in time, 480 nobody is there, 487 cancelled. */
  | { tag: 'response'; val: Answered }
  /** A timer fired. It is gone. */
  | { tag: 'timer'; val: Timer }
  /** The instance did not answer a request in time: the peer got 408. */
  | { tag: 'expired'; val: Overdue }
  /** A command was not carried out. */
  | { tag: 'refused'; val: Refusal }
  /** A leg is over. Nothing more comes on it, and nothing can be sent on it. */
  | { tag: 'ended'; val: End }
  /** An HTTP request of the instance has its response, or none. Exactly one comes for each `command.fetch`. */
  | { tag: 'fetched'; val: Fetched }
  /** An HTTP request came. Answer it, now or later, with `command.http-respond`. */
  | { tag: 'http'; val: HttpAsked }
  /** A sibling has published something on a topic that the instance listens to. */
  | { tag: 'published'; val: Publication }
  /**
   * A key that the instance watches has changed, or the watch has begun. Several changes may come as one, with the
   * last version.
   */
  | { tag: 'store-changed'; val: StoreChange }
  /** What `command.sync` asked for. */
  | { tag: 'synced'; val: Synced }
  /** The service's settings have changed: `host.config` is the new text. */
  | { tag: 'config-changed' }
  /**
   * The node shuts down: nothing new begins, and what is not over after so long ends with it, sooner if every call is
   * over. Comes once; a node that is ended at once says nothing.
   */
  | { tag: 'shutdown'; val: Duration };

/** A request to be sent. */
export interface Outgoing {
  /** The leg: for `command.open` the next number, for `command.send` one that was opened or came in. */
  leg: Leg;
  /** The next number of a request. */
  id: RequestId;
  /** The request. */
  message: Message;
}

/** A request to be forwarded. */
export interface Forwarding {
  /** The leg that it began. */
  leg: Leg;
  /** The leg on which it goes on: the next number. */
  to: Leg;
  /** The next number of a request. */
  id: RequestId;
  /**
   * The request as it goes on, with the `CSeq` that it came with; `none`: as this event has brought it, for the first
   * command that says so.
   */
  message: Message | null;
}

/** A bare answer to a request of which only the `CSeq` was kept. */
export interface ShortAnswer {
  /** The leg. */
  leg: Leg;
  /** The request's `CSeq`. */
  cseq: number;
  /** The status code, 100 to 699. */
  code: number;
  /** The `Reason`, for people to read. */
  reason: string;
}

/** A timer to be set. */
export interface Alarm {
  /** The next number of a timer. */
  timer: Timer;
  /** After how long it fires; less than 1 ms is 1 ms, more than 30 days is 30 days. */
  after: Duration;
}

/** An HTTP request to be made. */
export interface Fetching {
  /** The next number of an HTTP request. */
  id: FetchId;
  /** The request. */
  request: HttpRequest;
}

/** The answer to an HTTP request. */
export interface HttpAnswer {
  /** The request. */
  id: HttpId;
  /** The response. */
  response: HttpResponse;
}

/** One thing that an instance asks for. */
export type Command =
  /** Opens a leg to whoever the first Router URI, else the Request-URI, names, with its first request. */
  | { tag: 'open'; val: Outgoing }
  /** Sends a request on a leg. */
  | { tag: 'send'; val: Outgoing }
  /** Answers a request; the response's `CSeq` says which. */
  | { tag: 'respond'; val: OnLeg }
  /** Answers a request by its `CSeq`. */
  | { tag: 'answer'; val: ShortAnswer }
  /** Fires a timer once. */
  | { tag: 'set-timer'; val: Alarm }
  /** Forgets a timer. */
  | { tag: 'cancel-timer'; val: Timer }
  /**
   * Lets requests whose first Router URI carries this relation id as `relid` reach the instance. Takes the next
   * number; the id is `host.relation-prefix`, a full stop and the number: `rel-0001-ab12.1`.
   */
  | { tag: 'relate'; val: number }
  /** Makes an HTTP request, where the operator has granted the service its URL; `event.fetched` follows. */
  | { tag: 'fetch'; val: Fetching }
  /** Answers an HTTP request. A second answer is dropped. */
  | { tag: 'http-respond'; val: HttpAnswer }
  /** Lets the instance hear what siblings publish on a topic. */
  | { tag: 'listen'; val: string }
  /** Tells all siblings that listen to a topic; not itself. */
  | { tag: 'publish'; val: Publication }
  /**
   * Tells the instance of each change of a key with this prefix that somebody else makes. The first
   * `event.store-changed` comes at once, for the key that is called as the prefix, changed or not: nothing is missed
   * by who reads the store then. Keys that go by themselves after their time are not told. At most 100 prefixes of
   * 512 bytes; beyond that the instance fails.
   */
  | { tag: 'watch'; val: string }
  /** Tells the instance when the store as it is now is on disk. Takes the next number. */
  | { tag: 'sync'; val: SyncId }
  /** Ends the instance: answered legs get BYE, unanswered ones 480 or CANCEL. Later commands are not carried out. */
  | { tag: 'finish' }
  /** Ends the instance as failed; the text is for the operator. */
  | { tag: 'fail'; val: string }
  /**
   * Opens a leg with the first request of another, and leaves the call to the node: what comes on either goes out on
   * the other, until both have ended. The instance is not called again, what else it had ends as with `finish`, and
   * later commands are not carried out. Refused, and the instance goes on, where the leg has ended or nobody waits for
   * an answer to the request.
   */
  | { tag: 'forward'; val: Forwarding };

/** How serious a log line is. */
export type Level =
  /** Somebody should look at once. */
  | 'error'
  /** Odd, but served. */
  | 'warn'
  /** A change of state of the service. */
  | 'info'
  /** A change of state of a call. */
  | 'debug';

/** Where an instance runs. */
export interface Whereabouts {
  /** The name under which the service runs. */
  service: string;
  /** The node's own host names: a URI of one of them leads to this node. */
  ownHosts: string[];
}

/** What the node offers where an answer is needed at once. */
export interface Host {
  /**
   * Writes a log line, also where the call that wrote it fails later. Lines are cut at 4 KiB; of those written in one
   * call the first 64 are kept.
   */
  log(level: Level, text: string): void;
  /** Where the instance that is called runs. */
  facts(): Whereabouts;
  /**
   * The beginning of the relation ids of the instance that is called; nobody can guess it. It does not change while the
   * instance lives. See `command.relate`.
   */
  relationPrefix(): string;
  /** The settings of the service as the operator wrote them, as a JSON object; `{}` where there are none. */
  config(): string;
}

/** A value. */
export interface Entry {
  /** The value. */
  value: Uint8Array;
  /** Counts up with each change of the store; no two changes of a key have the same. */
  version: number;
}

/** What must be there for a change to be made. */
export type Expected =
  /** It does not matter. */
  | { tag: 'anything' }
  /** Nothing. */
  | { tag: 'nothing' }
  /** The value with this version. */
  | { tag: 'version'; val: number };

/** Why the store was not changed. */
export type StoreError =
  /** Something else is there: the version, or nothing. */
  | { tag: 'changed'; val: number | null }
  /** The service has as many entries or bytes as it may have, or none at all. */
  | { tag: 'full' }
  /** The key is too long. */
  | { tag: 'key-too-long' }
  /** The value is too large. */
  | { tag: 'value-too-large' }
  /** Something that a newer node knows; the text says what. */
  | { tag: 'other'; val: string };

/**
 * What all instances of the service on this node remember together. Each call is carried out at once and is not undone
 * where the instance fails later. Where calls must not fail for another instance's doing, use versions.
 */
export interface Store {
  /** The value of a key. */
  get(key: string): Entry | null;
  /** Sets a key and gives back its version. With `keep` it goes by itself after so long. */
  set(key: string, expected: Expected, value: Uint8Array, keep: Duration | null): number;
  /** Removes a key; nothing happens where it is not there. */
  delete(key: string, expected: Expected): void;
  /** The first keys with this prefix, in their order; at most 1,000. */
  keys(prefix: string, limit: number): string[];
}

/** One running copy of the service. It is never called twice at a time. */
export interface Instance {
  /**
   * Handles one event. `now` is the time since the node started: it never goes back, and stands still meanwhile.
   *
   * What the instance makes is numbered on from the last number of its kind, in the order of the commands. Legs are
   * numbered by the node too, as they come in: `last-leg` is the last one that either side has numbered.
   */
  handle(now: Duration, lastLeg: Leg, event: Event): Command[];
  /**
   * What another version of the service needs to go on from here; `none`: the instance stays with this version
   * until it ends. Asked between two events after a new version was loaded. The instance may have to go on all
   * the same, so this changes nothing. At most 4 MiB.
   */
  save(): Uint8Array | null;
}

/** Makes each `Instance`. */
export interface InstanceClass {
  /** Makes an instance. Its first event follows at once. */
  new (setup: Setup): Instance;
  /**
   * Makes an instance that goes on where one of another version was saved, an older one or, after a roll-back, a
   * newer one. Its legs, requests, timers and relation ids are those it had; the setup is that of the instance,
   * with a seed of its own. An error (its text is for the operator) or a trap: the old instance goes on.
   */
  restore(setup: Setup, at: Moment, saved: Uint8Array): Instance;
}

/** What a service has to be. */
export interface Service {
  /**
   * The key of a request (a room's name, say): requests with equal keys reach one instance. `none`: each new dialog
   * gets an instance of its own. Depends on the request and the settings (`host.config`) alone. At most 1,024 bytes.
   */
  key(request: Message): string | null;
  /**
   * Whether `key` or `http-key` ever give one; where not, they are not called, and a request costs less. Asked once, when
   * the service is loaded.
   */
  hasKeys(): boolean;
  /**
   * Whether instances are told of legs that are over in the usual course, `event.ended` with `end-cause.completed`. They
   * follow the final response; who needs them not spares half the events of a message that is passed on. All other ends
   * are told. Asked once, when the service is loaded.
   */
  hearsCompleted(): boolean;
  /** Whether the service takes HTTP requests; where not, they get 404. Asked once, when the service is loaded. */
  takesHttp(): boolean;
  /** The same as `key` for an HTTP request. */
  httpKey(request: HttpRequest): string | null;
  /**
   * Whether the service can run with these settings, a JSON object. Asked before they are taken; an error (its text is
   * for the operator) or a trap: they are not.
   */
  checkConfig(config: string): void;
}
