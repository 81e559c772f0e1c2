/** How good a connection is, from what the browser counts. */

/** @typedef {import('../../sdk/js/src/index.js').MediaStatistics} MediaStatistics */

/** How often one looks. */
export const QUALITY_MS = 2_000;

/** @typedef {{ level: 1 | 2 | 3, text: string }} Quality */

/**
 * Judges what happened between two reports.
 * @param {MediaStatistics} before
 * @param {MediaStatistics} now
 * @param {number} seconds
 * @returns {Quality}
 */
export function judge(before, now, seconds) {
  const grown = (
    /** @type {'audio' | 'video'} */ kind,
    /** @type {'packetsLost' | 'packetsReceived' | 'framesDecoded' | 'bytesReceived'} */ name,
  ) => Math.max(0, now[kind][name] - before[kind][name]);
  const lost = grown('audio', 'packetsLost') + grown('video', 'packetsLost');
  const received = grown('audio', 'packetsReceived') + grown('video', 'packetsReceived');
  const loss = lost + received ? lost / (lost + received) : 0;
  const frames = Math.round(grown('video', 'framesDecoded') / seconds);
  const bits = ((grown('audio', 'bytesReceived') + grown('video', 'bytesReceived')) * 8) / seconds;
  const roundTrip = Math.round((now.roundTrip ?? 0) * 1000);
  const level = !received || loss > 0.08 || roundTrip > 600 ? 1 : loss > 0.02 || roundTrip > 250 ? 2 : 3;
  const parts = [
    ['Poor connection', 'Fair connection', 'Good connection'][level - 1],
    `${roundTrip} ms there and back`,
    `${(loss * 100).toFixed(1)} % lost`,
    `${Math.round(bits / 1000)} kbit/s received`,
  ];
  if (now.video.frameWidth)
    parts.push(`${now.video.frameWidth} × ${now.video.frameHeight}, ${frames} pictures/s`);
  return { level, text: parts.join(', ') };
}
