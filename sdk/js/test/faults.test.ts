import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Request } from '../src/core/message.js';
import { StrowgerError } from '../src/errors.js';
import { type End, Pair, sizesOf } from './pair.js';

/** How many runs; each is a seed. */
const SEEDS = Number(process.env['SEEDS'] ?? 300);

/** A small generator: the same seed is the same run. */
function chance(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Does something legal or not; what the stack refuses is no matter here. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof StrowgerError)) throw error;
  }
}

/** Two users who message and call each other while the wire breaks, loses and comes back. */
function run(seed: number): void {
  const random = chance(seed);
  const pair = new Pair();
  const ends = [pair.alice, pair.bob] as const;
  const dialogs: string[] = [];
  const asked = new Map<End, Set<number>>([
    [pair.alice, new Set()],
    [pair.bob, new Set()],
  ]);
  let seen = [0, 0];
  let count = 0;

  /** What came is answered as users answer: soon, in time, or not at all. */
  const answer = () => {
    for (const [index, end] of ends.entries()) {
      for (const output of end.told.slice(seen[index])) {
        if (output.kind !== 'incoming' && output.kind !== 'request') continue;
        const { request } = output;
        const { Type } = request;
        if (Type === 'ACK' || Type === 'BYE' || Type === 'CANCEL') continue;
        const codes = Type === 'INVITE' ? [180, 200, 200, 486] : [200, 200, 200, 404];
        attempt(() => pair.respond(end, codes[random(codes.length)] ?? 200, {}, request));
      }
      for (const output of end.told.slice(seen[index])) {
        if (output.kind !== 'response' || output.response.Code < 200 || output.response.Code > 299) continue;
        const { DialogueID } = output.response;
        if (end.stack.state(DialogueID) === 'Answered' || end.stack.state(DialogueID) === 'Reanswered') {
          attempt(() => pair.send(end, DialogueID, 'ACK'));
        }
      }
    }
    seen = ends.map(({ told }) => told.length);
  };

  const act = () => {
    const end = ends[random(2)] ?? pair.alice;
    const dialog = dialogs[random(Math.max(1, dialogs.length))] ?? 'none';
    const send = (method: Request['Type'], headers = {}) =>
      attempt(() => {
        const token = end.stack.request(pair.now, dialog, method, headers);
        if (method !== 'ACK') asked.get(end)?.add(token);
      });
    switch (random(12)) {
      case 0:
      case 1:
      case 2: {
        count += 1;
        const opening = { method: 'MESSAGE', dialog: `m${count}`, from: 'a', to: 'b' } as const;
        asked.get(end)?.add(end.stack.open(pair.now, { ...opening, headers: { Body: count } }));
        return;
      }
      case 3: {
        count += 1;
        const dialogId = `c${count}`;
        dialogs.push(dialogId);
        asked
          .get(end)
          ?.add(end.stack.open(pair.now, { method: 'INVITE', dialog: dialogId, from: 'a', to: 'b' }));
        return;
      }
      case 4:
        return send('BYE');
      case 5:
        return send('CANCEL');
      case 6:
        return send('INVITE', { Body: 'again' });
      case 7:
        return send('INFO', { Body: 'tone' });
      case 8:
        return pair.cut();
      case 9:
        return pair.join();
      case 10:
        pair.swallow();
        return pair.cut();
      default:
        return pair.pass(random(8_000));
    }
  };

  for (let step = 0; step < 80; step += 1) {
    act();
    pair.pass(random(30));
    answer();
  }

  // Peace: the wire stays, everybody answers, and everything is hung up.
  for (let round = 0; round < 40; round += 1) {
    pair.join();
    pair.pass(10_000);
    answer();
    pair.pass(50);
    answer();
    for (const end of ends) {
      for (const dialog of dialogs) {
        if (end.stack.state(dialog) === 'Established') {
          attempt(() => asked.get(end)?.add(end.stack.request(pair.now, dialog, 'BYE')));
        }
      }
    }
  }

  for (const end of ends) {
    const finals = end.told.flatMap((output) =>
      output.kind === 'response' && output.response.Code >= 200 ? [output.token] : [],
    );
    assert.deepEqual(
      finals.sort((a, b) => a - b),
      [...(asked.get(end) ?? [])].sort((a, b) => a - b),
      'every request has one final response',
    );
    assert.equal(sizesOf(end.stack).live, 0, `nothing lives on: ${dialogs.map((id) => end.stack.state(id))}`);
    assert.equal(sizesOf(end.stack).requests, 0);
    assert.equal(end.stack.deadline, undefined, 'no timer is left');
    const bodies = end.told.flatMap((output) =>
      output.kind === 'incoming' && output.request.Type === 'MESSAGE' ? [output.request.Body] : [],
    );
    assert.equal(new Set(bodies).size, bodies.length, 'no message is seen twice');
    const invites = end.told.flatMap((output) =>
      output.kind === 'incoming' && output.request.Type === 'INVITE' ? [output.request.DialogueID] : [],
    );
    assert.equal(new Set(invites).size, invites.length, 'no call rings twice');
  }
}

test(`${SEEDS} runs with a wire that breaks keep what is promised`, () => {
  const only = process.env['SEED'];
  for (let seed = only ? Number(only) : 1; seed <= (only ? Number(only) : SEEDS); seed += 1) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed} (SEED=${seed} runs it alone)`, { cause: error });
    }
  }
});
