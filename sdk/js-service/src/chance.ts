// Numbers that nobody can guess who does not know the seed: the key stream of ChaCha20 under it.

const CONSTANTS = [0x61707865, 0x3120646e, 0x79622d36, 0x6b206574];
const DOUBLE_ROUNDS = 10;
const COLUMNS_AND_DIAGONALS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** The chance of one instance. */
export class Chance {
  readonly #start: Uint32Array;
  #block = new Uint32Array(16);
  #used = 16;

  constructor(seed: readonly [number | bigint, number | bigint]) {
    const key = seed.flatMap((half) => {
      const bits = BigInt(half);
      return [Number(bits & 0xffffffffn), Number((bits >> 32n) & 0xffffffffn)];
    });
    this.#start = Uint32Array.from([...CONSTANTS, ...key, ...key, 0, 0, 0, 0]);
  }

  /** 32 bits. */
  word(): number {
    if (this.#used === 16) this.#next();
    const word = this.#block[this.#used] ?? 0;
    this.#used += 1;
    return word;
  }

  #next(): void {
    const block = this.#start.slice();
    for (let round = 0; round < DOUBLE_ROUNDS; round += 1) {
      for (const [a, b, c, d] of COLUMNS_AND_DIAGONALS) {
        mix(block, a, b, d, 16);
        mix(block, c, d, b, 12);
        mix(block, a, b, d, 8);
        mix(block, c, d, b, 7);
      }
    }
    this.#block = block.map((word, n) => word + at(this.#start, n));
    this.#start[12] = at(this.#start, 12) + 1;
    this.#used = 0;
  }
}

/** Adds one word to another, and turns a third by the sum. */
function mix(block: Uint32Array, to: number, added: number, turned: number, bits: number): void {
  block[to] = at(block, to) + at(block, added);
  const word = at(block, turned) ^ at(block, to);
  block[turned] = (word << bits) | (word >>> (32 - bits));
}

function at(words: Uint32Array, n: number): number {
  return words[n] ?? 0;
}
