// What JavaScript has by itself and a component has not: says so, instead of a bare trap.
import type * as wit from './wit.js';

function absent(what: string, instead: string): () => never {
  return () => {
    throw new Error(`a service has no ${what}: ${instead}`);
  };
}

const noClock = absent('clock', 'use cx.now, the time since the node started');
const noChance = absent('chance of its own', 'use cx.random() or cx.token()');

/** Replaces clock, chance and console of the engine. */
export function surround(host: wit.Host): void {
  Math.random = noChance;
  const Known = Date;
  const Replaced = new Proxy(Known, {
    apply: noClock,
    construct: (_, values) => (values.length === 0 ? noClock() : Reflect.construct(Known, values)),
  });
  Known.now = noClock;
  const write =
    (level: wit.Level) =>
    (...values: unknown[]) =>
      host.log(level, values.map(shown).join(' '));
  const console = {
    debug: write('debug'),
    error: write('error'),
    info: write('info'),
    log: write('info'),
    warn: write('warn'),
  };
  Object.assign(globalThis, { Date: Replaced, console });
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null || value instanceof Error) return String(value);
  return JSON.stringify(value);
}
