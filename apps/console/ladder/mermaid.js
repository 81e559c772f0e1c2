/** A call as a Mermaid sequence diagram. */

import { plain } from '../text.js';
import { groupOf, isOfService, tone, words } from './events.js';
import { columnsOf } from './rows.js';

/** @typedef {import('./events.js').CallEvent} CallEvent */
/** @typedef {import('./events.js').Group} Group */

/**
 * Text that means nothing to Mermaid: what is neither letter, number nor harmless is named by its number, and so is one letter of
 * the word that would end a block.
 * @param {unknown} text
 */
export function escaped(text) {
  const quoted = plain(text)
    .slice(0, 300)
    .replace(/[^\p{L}\p{N} .,@_/=+'()!?→…⟨⟩“”-]/gu, (found) => `#${found.codePointAt(0)};`)
    .replace(/\bend\b/giu, (found) => `#${found.codePointAt(0)};${found.slice(1)}`);
  return quoted.trim() || '#32;';
}

/** @type {Record<string, (event: CallEvent, party: string, service: string) => string>} */
const LINES = {
  received: (event, party, service) => `${party}->>${service}: ${escaped(words(event))}`,
  sent: (event, party, service) =>
    `${service}${tone(event) === 'request' ? '->>' : '-->>'}${party}: ${escaped(words(event))}`,
  absorbed: (event, party, service) => `${party}--x${service}: ${escaped(words(event))}`,
  dropped_message: (event, party, service) => `${party}-x${service}: ${escaped(words(event))}`,
  replayed: (event, party, service) => `${service}-->>${party}: ${escaped(words(event))}`,
};

/**
 * @param {CallEvent[]} events
 * @param {string} service
 * @param {(group: Group) => boolean} isShown
 */
export function mermaid(events, service, isShown) {
  const columns = columnsOf(events, service);
  const ids = new Map(columns.map(({ key }, index) => [key, `c${index}`]));
  const lines = ['sequenceDiagram'];
  for (const { key, label } of columns) lines.push(`  participant ${ids.get(key)} as ${escaped(label)}`);
  const own = ids.get('') ?? 'c0';
  for (const event of events) {
    const group = groupOf(event);
    if (group && !isShown(group)) continue;
    const party = ids.get(event.dialog ?? '') ?? own;
    const line = party === own ? undefined : LINES[event.kind]?.(event, party, own);
    lines.push(`  ${line ?? `Note over ${isOfService(event) ? own : party}: ${escaped(words(event))}`}`);
  }
  return `${lines.join('\n')}\n`;
}
