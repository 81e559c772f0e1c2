/**
 * The wire: JSIP messages as they stand in a frame (protocol section 2).
 * Nothing here knows of dialogs or transactions.
 */

/** The method of a request. */
export type Method =
  | 'INVITE'
  | 'ACK'
  | 'BYE'
  | 'CANCEL'
  | 'REGISTER'
  | 'OPTIONS'
  | 'INFO'
  | 'UPDATE'
  | 'PRACK'
  | 'SUBSCRIBE'
  | 'NOTIFY'
  | 'MESSAGE'
  | 'REFER';

/**
 * Headers beside those that every message has. Unknown ones pass through the server as they are; what is `undefined` is
 * left out.
 */
export interface Headers {
  /** Seconds a session or subscription lasts unless it is refreshed. */
  Expire?: number | undefined;
  /** URIs, separated by `,`; the first one routes. */
  Router?: string;
  /** How many more legs the request may lead to. */
  'Max-Forwards'?: number;
  /** What `Body` is. */
  'Content-Type'?: string | undefined;
  /** What a SUBSCRIBE or NOTIFY is about. */
  Event?: string;
  /** Why, in words. */
  Reason?: string | undefined;
  /** The CSeq of the INVITE that an ACK or CANCEL means. */
  RelatedID?: number;
  /** Who the sender is, as far as the server knows. */
  'P-Asserted-Identity'?: string;
  /** Any JSON value. */
  Body?: unknown;
  /** Any other one. */
  [header: string]: unknown;
}

/** A request as it stands on the wire. */
export interface Request extends Headers {
  /** The method. */
  Type: Method;
  /** Whom it is for. */
  'Request-URI': string;
  /** Who sent it. */
  From: string;
  /** Whom the dialog is with, or was meant to be with. */
  To: string;
  /** Names the dialog. */
  DialogueID: string;
  /** Numbers the requests of a dialog, each side its own. */
  CSeq: number;
}

/** A response as it stands on the wire. */
export interface Response extends Headers {
  /** Says that it is one. */
  Type: 'RESPONSE';
  /** 100 to 699. */
  Code: number;
  /** The reason phrase; ignored on receipt. */
  Desc?: string;
  /** That of the request. */
  From: string;
  /** That of the request. */
  To: string;
  /** That of the request. */
  DialogueID: string;
  /** That of the request. */
  CSeq: number;
}

/** A request or a response. */
export type Message = Request | Response;

/**
 * Reads one frame; `undefined` if it is no message. Only what the stack rests on is looked at: the server has refused
 * what is malformed before it came here. Numbers above 2^53 in unknown headers lose digits, as JavaScript has it.
 */
export function decode(text: string): Message | undefined {
  try {
    const message = JSON.parse(text);
    const { Type, DialogueID, CSeq, Code } = message;
    const isSound = typeof Type === 'string' && typeof DialogueID === 'string' && CSeq > 0;
    if (isSound && (Type !== 'RESPONSE' || Code >= 100)) return message;
  } catch {
    // Not JSON, or null.
  }
  return undefined;
}

/** A response to a request, with more headers. The server writes the reason phrase. */
export const respond = (
  { From, To, DialogueID, CSeq }: Request,
  code: number,
  headers: Headers = {},
): Response => ({ Type: 'RESPONSE', Code: code, From, To, DialogueID, CSeq, ...headers });

/** What no header may say, as `name value`: the stack's own headers, what is no text, no URI, no count. */
const ILLEGAL =
  /^((Type|Code|DialogueID|CSeq) |(Request-URI|From|To) (?!"[^"])|(Router|Content-Type|Event|Reason) (?!")|Expire (?!\d+$))/;

/** The first header that nobody may set so: the server would refuse the message, or take it for another one. */
export const faultIn = ({ Body, ...headers }: Headers): string | undefined =>
  Object.entries(headers).find(
    ([name, value]) => value !== undefined && ILLEGAL.test(`${name} ${JSON.stringify(value)}`),
  )?.[0];
