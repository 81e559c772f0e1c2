/** Where things are, seen from `build/test/`. */
const ROOT = new URL('../../../../', import.meta.url);

/** The documents. */
export const DOCS = new URL('docs/', ROOT);

/** The client's own modules. */
export const SOURCES = new URL('sdk/js/src/', ROOT);

/** The printed state tables. */
export const PROTOCOL = new URL('docs/protocol/', ROOT);

/** The server that the tests start: `STROWGER_SERVER`, or what cargo built last. */
export const SERVERS = [
  process.env['STROWGER_SERVER'],
  new URL('target/debug/strowger', ROOT).pathname,
  new URL('target/release/strowger', ROOT).pathname,
].filter((path) => path !== undefined);

/** What is shipped, if it was built. */
export const BUNDLE = new URL('sdk/js/dist/', ROOT);
