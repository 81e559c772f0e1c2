/** Server-sent events, read from text that comes in pieces. */

/** @typedef {{ event: string, data: string, id: string }} Sent */

/** A longer event is none of our server's. */
const MOST = 4 << 20;

export class Parser {
  /** What to go on from after a break. */
  lastId = '';
  /** In how many milliseconds the server wants to be asked again; undefined if it does not say. @type {number | undefined} */
  retry;
  #rest = '';
  #event = '';
  /** @type {string[]} */
  #data = [];
  #size = 0;
  #isFirst = true;

  /**
   * Takes a piece and gives the events that are complete.
   * @param {string} text
   * @returns {Sent[]}
   */
  push(text) {
    let all = this.#rest + text;
    if (this.#isFirst && all) {
      all = all.replace(/^\ufeff/, '');
      this.#isFirst = false;
    }
    /** @type {Sent[]} */
    const sent = [];
    let from = 0;
    for (;;) {
      const end = all.slice(from).search(/[\r\n]/);
      if (end < 0) break;
      const at = from + end;
      // Of "\r\n" the second half may be in the next piece.
      if (all[at] === '\r' && at + 1 === all.length) break;
      this.#line(all.slice(from, at), sent);
      from = at + (all[at] === '\r' && all[at + 1] === '\n' ? 2 : 1);
    }
    this.#rest = all.slice(from);
    if (this.#rest.length + this.#size > MOST) throw new Error('an event is too long');
    return sent;
  }

  /** @param {string} line @param {Sent[]} sent */
  #line(line, sent) {
    if (!line) {
      if (this.#data.length)
        sent.push({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.lastId });
      this.#event = '';
      this.#data = [];
      this.#size = 0;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length;
    } else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.lastId = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
  }
}
