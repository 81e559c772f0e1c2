// UTF-8, which the engine inside a component has no words for.

/** A text as bytes; half a surrogate pair becomes U+FFFD. */
export function encode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const sign of text) {
    let code = sign.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) {
      bytes.push(code);
    } else if (code < 0x800) {
      bytes.push(0xc0 | (code >> 6), tail(code));
    } else if (code < 0x10000) {
      bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    } else {
      bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
    }
  }
  return Uint8Array.from(bytes);
}

/** Bytes as a text; each byte that is none of UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const [code, length] = point(bytes, at);
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

function tail(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

const REPLACEMENT: [code: number, length: number] = [0xfffd, 1];
/** The smallest code point that needs so many bytes. */
const SMALLEST = [0, 0, 0x80, 0x800, 0x10000];

function point(bytes: Uint8Array, at: number): [code: number, length: number] {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return [first, 1];
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return REPLACEMENT;
  let code = first & (0x7f >> length);
  for (let n = 1; n < length; n += 1) {
    const next = bytes[at + n] ?? 0;
    if ((next & 0xc0) !== 0x80) return REPLACEMENT;
    code = (code << 6) | (next & 0x3f);
  }
  const isGood = code >= (SMALLEST[length] ?? 0) && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isGood ? [code, length] : REPLACEMENT;
}
