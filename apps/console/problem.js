/** Why the server did not do something, in its own words (RFC 9457). */

export class Problem extends Error {
  /** @override */
  name = 'Problem';
  status;

  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** @param {Response} response */
  static async of(response) {
    let detail = `${response.status} ${response.statusText}`.trim();
    try {
      const told = await response.json();
      if (typeof told.detail === 'string') detail = told.detail;
    } catch {
      // A proxy in between answers otherwise.
    }
    return new Problem(response.status, detail);
  }
}
