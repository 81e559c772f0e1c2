import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { refresh, session } from '../src/core/session.js';
import { client, inviteClient, inviteServer, server } from '../src/core/transactions.js';
import { PROTOCOL } from './places.js';

type AnyTable = Record<string, Record<string, readonly string[] | string>>;

/** The rows of a table that the server's build printed: `state trigger` to `next: actions` or a refusal. */
function printed(file: string): Map<string, string> {
  const rows = new Map<string, string>();
  for (const line of readFileSync(new URL(file, PROTOCOL), 'utf8').split('\n')) {
    const [, state, trigger, next, actions] = line.split('|').map((cell) => cell.trim());
    if (!state || state === 'state' || state.startsWith('-')) continue;
    rows.set(`${state} ${trigger}`, next === '(refused)' ? `refused ${actions}` : `${next}: ${actions}`);
  }
  return rows;
}

const CODES: Record<string, string> = {
  Pending: 'refused 491',
  NoSession: 'refused 481',
  Illegal: 'refused 400',
};

/** A machine that lists next states only: what is done on the way is left out of the comparison. */
function nextStates(table: Record<string, Record<string, string>>): string[] {
  return Object.entries(table).flatMap(([state, row]) =>
    Object.entries(row).map(([trigger, next]) => `${state} ${trigger} -> ${next}`),
  );
}

function written(table: AnyTable): Map<string, string> {
  const rows = new Map<string, string>();
  for (const [state, row] of Object.entries(table)) {
    for (const [trigger, cell] of Object.entries(row)) {
      const text = typeof cell === 'string' ? CODES[cell] : `${cell[0]}: ${cell.slice(1).join(', ')}`;
      rows.set(`${state} ${trigger}`, text ?? `unknown ${cell}`);
    }
  }
  return rows;
}

const sorted = (rows: Map<string, string>) => [...rows].map(([key, cell]) => `${key} -> ${cell}`).sort();

for (const [file, table] of [
  ['session.md', session],
  ['session-refresh.md', refresh],
] as [string, AnyTable][]) {
  test(`the machine is that of docs/protocol/${file}, row by row`, () => {
    // Only the server's outbox refuses a request for want of room.
    const expected = new Map([...printed(file)].filter(([key]) => !key.endsWith(' NoRoom')));
    assert.ok(expected.size > 5, 'the document has rows');
    assert.deepEqual(sorted(written(table)), sorted(expected));
  });
}

for (const [file, machine] of [
  ['client-transaction.md', client],
  ['invite-client-transaction.md', inviteClient],
  ['server-transaction.md', server],
  ['invite-server-transaction.md', inviteServer],
] as [string, Record<string, Record<string, string>>][]) {
  test(`the machine goes where docs/protocol/${file} says, row by row`, () => {
    const expected = [...printed(file)]
      .filter(([, cell]) => !cell.startsWith('refused'))
      .map(([key, cell]) => `${key} -> ${cell.split(':')[0]}`);
    assert.ok(expected.length > 5, 'the document has rows');
    assert.deepEqual(nextStates(machine).sort(), expected.sort());
  });
}
