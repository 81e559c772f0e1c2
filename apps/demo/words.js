/** Codes in words that a person can use. */

/** @type {Record<number, string>} */
const WORDS = {
  404: 'does not exist',
  408: 'did not answer',
  480: 'is not here',
  481: 'is not in this call any more',
  486: 'is busy',
  487: 'was not reached',
  488: 'cannot take this kind of call',
  503: 'cannot be reached just now',
  603: 'declined',
};

/**
 * What became of something that somebody else did not take.
 * @param {string} who
 * @param {unknown} error
 */
export function explain(who, error) {
  const { code = 0, reason = '' } = /** @type {{ code?: number, reason?: string }} */ (error ?? {});
  return `${who} ${WORDS[code] ?? `cannot be reached (${code || 'error'}${reason && `: ${reason}`})`}`;
}

/** Why a camera or microphone cannot be had. @param {unknown} error */
export function explainMedia(error) {
  const name = error instanceof Error ? error.name : '';
  if (!navigator.mediaDevices)
    return 'Browsers give camera and microphone only to pages on https or localhost.';
  if (name === 'NotAllowedError') return 'The browser does not let this page use camera and microphone.';
  if (name === 'NotFoundError') return 'No camera or microphone was found.';
  if (name === 'NotReadableError') return 'Another program uses the camera or microphone.';
  return `Camera and microphone do not work: ${error instanceof Error ? error.message : error}`;
}

/** Minutes and seconds. @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  return hours
    ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`
    : `${two(minutes)}:${two(seconds % 60)}`;
}
