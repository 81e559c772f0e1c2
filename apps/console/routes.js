/** Where one is in the console: `#/calls/1.2f?event=17`. */

/** @typedef {{ page: string, name: string | undefined, query: Record<string, string> }} Route */

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} hash @returns {Route} */
export function read(hash) {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [page = '', ...name] = path.split('/');
  return {
    page: decode(page) || 'overview',
    name: name.length && name[0] ? decode(name.join('/')) : undefined,
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** @param {string} page @param {string} [name] @param {Record<string, string | undefined>} [query] */
export function write(page, name, query = {}) {
  const given = Object.entries(query).filter((entry) => entry[1]);
  const text = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return `#/${page}${name === undefined ? '' : `/${encodeURIComponent(name)}`}${text && `?${text}`}`;
}
