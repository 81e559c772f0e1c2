/** Names: what people type, and what the server calls them. */

/** Where everybody of this demo lives; also what the README's terminal users are called. */
export const DOMAIN = 'example.com';
/** The room in which everybody is who is online. */
export const LOBBY = `lobby@${DOMAIN}`;

/** The user of a name that somebody typed; an address stays one. @param {string} name */
export const userOf = (name) => (name.includes('@') ? name : `${name}@${DOMAIN}`);

/** The room of a name. @param {string} name */
export const roomOf = (name) => userOf(`room:${name.toLowerCase()}`);

/** Whether a name is that of a room. @param {string} name */
export const isRoom = (name) => name.startsWith('room:');

/** What is shown for a user or a room. @param {string} user */
export const shown = (user) =>
  (user.endsWith(`@${DOMAIN}`) ? user.slice(0, -DOMAIN.length - 1) : user).replace(/^room:/, '');

/** What is wrong with a name, in words; nothing if it is good. @param {string} name */
export function faultOf(name) {
  if (!name) return 'Please type a name.';
  if (/[\s,;<>"\p{Cc}]/u.test(name)) return 'A name has no blanks, commas, semicolons or quotation marks.';
  if (!/^[^@]+(@[a-z0-9.-]+)?$/i.test(name)) return 'A name has at most one @, and a host behind it.';
  return '';
}

/** One or two letters for a picture. @param {string} user */
export function initials(user) {
  const [first = '?', second = ''] = shown(user)
    .split(/[@._-]+/)
    .filter(Boolean)
    .map((part) => [...part][0]);
  return (first + second).toUpperCase();
}

/** One of eight colours, the same for everybody who looks. @param {string} user */
export function hue(user) {
  let sum = 0;
  for (const letter of user) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % 8;
}
