/**
 * The wire: JSIP messages as they stand in a frame, and what makes one malformed (protocol section 2).
 * Nothing here knows of dialogs or transactions.
 */

/** The methods of requests. */
export const METHODS = [
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'REGISTER',
  'OPTIONS',
  'INFO',
  'UPDATE',
  'PRACK',
  'SUBSCRIBE',
  'NOTIFY',
  'MESSAGE',
  'REFER',
] as const;

/** The method of a request. */
export type Method = (typeof METHODS)[number];

/** Headers beside those that every message has. Unknown ones pass through the server as they are. */
export interface Headers {
  /** Seconds a session or subscription lasts unless it is refreshed. */
  Expire?: number;
  /** URIs, separated by `,`; the first one routes. */
  Router?: string;
  /** How many more legs the request may lead to. */
  'Max-Forwards'?: number;
  /** What `Body` is. */
  'Content-Type'?: string;
  /** What a SUBSCRIBE or NOTIFY is about. */
  Event?: string;
  /** Why, in words. */
  Reason?: string;
  /** The CSeq of the INVITE that an ACK or CANCEL means. */
  RelatedID?: number;
  /** Who the sender is, as far as the server knows. */
  'P-Asserted-Identity'?: string;
  /** Any JSON value. */
  Body?: unknown;
  [header: string]: unknown;
}

/** A request as it stands on the wire. */
export interface Request extends Headers {
  Type: Method;
  'Request-URI': string;
  From: string;
  To: string;
  DialogueID: string;
  CSeq: number;
}

/** A response as it stands on the wire. */
export interface Response extends Headers {
  Type: 'RESPONSE';
  /** 100 to 699. */
  Code: number;
  /** The reason phrase; ignored on receipt. */
  Desc?: string;
  From: string;
  To: string;
  DialogueID: string;
  CSeq: number;
}

/** A request or a response. */
export type Message = Request | Response;

/** What {@link decode} found wrong. */
export interface Malformed {
  /** The header at fault, if it is one. */
  fault: string;
  /** The refusal that the sender gets, where the text names enough of the request. */
  answer?: Response;
}

const isText = (value: unknown) => typeof value === 'string';
const isFilled = (value: unknown) => isText(value) && value !== '';
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isSequence = (value: unknown) => isCount(value) && value !== 0;
const isDialogId = (value: unknown) =>
  isFilled(value) && new TextEncoder().encode(value as string).length <= 255;
const isCode = (value: unknown) => isCount(value) && (value as number) >= 100 && (value as number) < 700;

type Rule = (value: unknown) => boolean;
const ALWAYS: Record<string, Rule> = {
  DialogueID: isDialogId,
  CSeq: isSequence,
  From: isFilled,
  To: isFilled,
};
const IN_RESPONSES: Record<string, Rule> = { ...ALWAYS, Code: isCode };
const IN_REQUESTS: Record<string, Rule> = { ...ALWAYS, 'Request-URI': isFilled };
const IF_THERE: Record<string, Rule> = {
  'Content-Type': isText,
  Event: isText,
  Reason: isText,
  Expire: isCount,
  RelatedID: isSequence,
};

/** The header at fault. What only the server reads is left to the server. */
function faultIn(message: Record<string, unknown>, type: string): string | undefined {
  const required = type === 'RESPONSE' ? IN_RESPONSES : IN_REQUESTS;
  return Object.entries({ ...required, ...IF_THERE }).find(
    ([header, test]) => (header in required || message[header] !== undefined) && !test(message[header]),
  )?.[0];
}

/** Whether {@link decode} refused the text. */
export const isMalformed = (decoded: Message | Malformed): decoded is Malformed => 'fault' in decoded;

/**
 * Reads one frame.
 *
 * Numbers above 2^53 in unknown headers lose digits and the last of two equal keys wins, as JavaScript's parser
 * has it: the server is the one that is strict.
 */
export function decode(text: string): Message | Malformed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { fault: 'not a JSON object' };
  const message = value as Record<string, unknown>;
  const { Type } = message;
  if (!isFilled(Type)) return { fault: 'Type' };
  if (Type === 'RESPONSE') {
    const fault = faultIn(message, Type);
    return fault ? { fault } : (message as unknown as Response);
  }
  const known = METHODS.includes(Type as Method);
  const fault = known ? faultIn(message, Type as string) : 'Type';
  if (!fault) return message as unknown as Request;
  // An ACK is never answered, malformed or not.
  if (Type === 'ACK' || !isDialogId(message['DialogueID']) || !isSequence(message['CSeq'])) return { fault };
  return { fault, answer: respond(message as unknown as Request, known ? 400 : 501, { Reason: fault }) };
}

/** A response to a request, with more headers. The server writes the reason phrase. */
export function respond(request: Request, code: number, headers: Headers = {}): Response {
  const { From, To, DialogueID, CSeq } = request;
  const text = (value: unknown) => (isFilled(value) ? value : 'unknown') as string;
  return {
    Type: 'RESPONSE',
    Code: code,
    From: text(From),
    To: text(To),
    DialogueID,
    CSeq,
    ...headers,
  };
}
