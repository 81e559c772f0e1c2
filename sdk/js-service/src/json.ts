// Where things are in a JSON text. The text is known to be good: the node has read it.

/** The members of an object: name, and the text of the value as it stands there. */
export function* members(text: string): Generator<[name: string, raw: string], void> {
  let at = text.indexOf('"');
  while (at >= 0) {
    const nameEnd = endOfString(text, at);
    const start = skipBlanks(text, text.indexOf(':', nameEnd) + 1);
    const end = endOfValue(text, start);
    yield [JSON.parse(text.slice(at, nameEnd)), text.slice(start, end)];
    at = text.indexOf('"', end);
  }
}

const BLANKS = /[ \t\r\n]*/y;
const SCALAR = /[^,\]} \t\r\n]*/y;
const STRUCTURE = /["{}[\]]/g;

function skipBlanks(text: string, at: number): number {
  BLANKS.lastIndex = at;
  BLANKS.test(text);
  return BLANKS.lastIndex;
}

function endOfString(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first === '{' || first === '[') return endOfTree(text, start);
  SCALAR.lastIndex = start;
  SCALAR.test(text);
  return SCALAR.lastIndex;
}

function endOfTree(text: string, start: number): number {
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (;;) {
    const found = STRUCTURE.exec(text);
    if (!found) return text.length;
    const sign = found[0];
    if (sign === '"') {
      STRUCTURE.lastIndex = endOfString(text, found.index);
    } else if (sign === '{' || sign === '[') {
      depth += 1;
    } else {
      depth -= 1;
      if (depth === 0) return found.index + 1;
    }
  }
}
