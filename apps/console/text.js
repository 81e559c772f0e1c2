/** Text that others chose, made fit to be read: nothing in it hides, turns round or runs on for ever. */

/** Controls, halves of characters, and what changes the direction or the width of text without being seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** @param {string} found */
const named = (found) => `⟨${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

/** The text with all that cannot be seen written out. @param {unknown} text */
export const plain = (text) => String(text ?? '').replace(UNSEEN, named);

/** The same, in its lines. @param {unknown} text */
export const plainLines = (text) =>
  String(text ?? '')
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.split('\t').map(plain).join('  '))
    .join('\n');

/** Not longer than so many characters. @param {unknown} text @param {number} most */
export function short(text, most) {
  const characters = [...plain(text)];
  if (characters.length <= most) return characters.join('');
  return `${characters.slice(0, Math.max(0, most - 1)).join('')}…`;
}

/** What is left of a userid in our own words: the part before the host. @param {unknown} user @param {number} most */
export const shortUser = (user, most) => {
  const text = plain(user);
  const name = text.split('@')[0] || text;
  return [...text].length <= most ? text : short(name, most);
};

/** A number as people read it. @param {number} value */
export function count(value) {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 10_000_000) return `${(value / 1e6).toFixed(0)} M`;
  if (Math.abs(value) >= 1_000_000) return `${(value / 1e6).toFixed(1)} M`;
  if (Math.abs(value) >= 1000)
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, '\u202f');
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

/** A number of bytes. @param {number | null | undefined} number */
export function bytes(number) {
  if (number === null || number === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [number, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** How long something took or lasts. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [minutes, hours, days] = [seconds / 60, seconds / 3600, seconds / 86400].map(Math.floor);
  if (seconds < 3600) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${hours} h ${(minutes ?? 0) % 60} min`;
  return `${days} d ${(hours ?? 0) % 24} h`;
}

/** The time of day, to the second; with the date where it is another one. @param {number} ms @param {number} [now] */
export function clock(ms, now = Date.now()) {
  const [at, today] = [new Date(ms), new Date(now)];
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === today.toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** Time within a call, to the millisecond. @param {number} ms */
export function within(ms) {
  const sign = ms < 0 ? '−' : '';
  const all = Math.round(Math.abs(ms));
  const [hours, minutes] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60];
  const seconds = ((all % 60_000) / 1000).toFixed(3);
  if (hours) return `${sign}${hours}:${String(minutes).padStart(2, '0')}:${seconds.padStart(6, '0')}`;
  return minutes ? `${sign}${minutes}:${seconds.padStart(6, '0')}` : `${sign}${seconds}`;
}
