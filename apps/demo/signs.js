/** What one side tells the other beside its media: muted, dark, sharing. In INFO, which needs no new offer. */

/** @typedef {import('../../sdk/js/src/index.js').Call} Call */
/** @typedef {{ isMuted: boolean, isDark: boolean, isSharing: boolean }} Signs */

const TYPE = 'application/vnd.strowger.signs+json';
/** @type {Signs} */
export const NONE = { isMuted: false, isDark: false, isSharing: false };

/** Tells the other side; one that does not know it takes no harm. @param {Call} call @param {Signs} signs */
export function tell(call, signs) {
  if (call.state === 'active') call.info(signs, TYPE).catch(() => {});
}

/** Calls `heard` at each sign of the other side. @param {Call} call @param {(signs: Signs) => void} heard */
export function hear(call, heard) {
  call.on('info', ({ Body, ...headers }) => {
    if (headers['Content-Type'] !== TYPE || typeof Body !== 'object' || !Body) return;
    const { isMuted, isDark, isSharing } = /** @type {Record<string, unknown>} */ (Body);
    heard({ isMuted: isMuted === true, isDark: isDark === true, isSharing: isSharing === true });
  });
}
