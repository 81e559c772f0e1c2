/** What one side tells the other beside its media: muted, dark, sharing. In INFO, which needs no new offer. */

/** @typedef {import('../../sdk/js/src/index.js').Call} Call */
/** @typedef {{ isMuted: boolean, isDark: boolean, isSharing: boolean }} Signs */

export const TYPE = 'application/vnd.strowger.signs+json';
/** @type {Signs} */
export const NONE = { isMuted: false, isDark: false, isSharing: false };

/** Tells the other side; one that does not know it takes no harm. @param {Call} call @param {Signs} signs */
export function tell(call, signs) {
  if (call.state === 'active') call.info(signs, TYPE).catch(() => {});
}

/** Calls `heard` at each sign of the other side. @param {Call} call @param {(signs: Signs) => void} heard */
export function hear(call, heard) {
  call.on('info', ({ Body, 'Content-Type': type }) => {
    const signs = read(Body, type);
    if (signs) heard(signs);
  });
}

/** The signs in a body, if these are some. @param {unknown} body @param {string | undefined} type @returns {Signs | undefined} */
export function read(body, type) {
  if (type !== TYPE || typeof body !== 'object' || !body) return undefined;
  const { isMuted, isDark, isSharing } = /** @type {Record<string, unknown>} */ (body);
  return { isMuted: isMuted === true, isDark: isDark === true, isSharing: isSharing === true };
}
