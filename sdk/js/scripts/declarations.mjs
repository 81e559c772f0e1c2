// Reads the declarations that tsc wrote into dist/: what each entry point exports, with its comments.
import { readFileSync } from 'node:fs';

const DIST = new URL('../dist/', import.meta.url);

/** The text of a comment, without its frame; a link is the name that it leads to. */
const textOf = (comment) =>
  comment
    .replace(/^\s*\/\*\*\s?|\s*\*\/\s*$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\{@link ([^}]+)\}/g, '`$1`')
    .trim();

const depthOf = (text) =>
  [...text.replace(/'[^']*'|\/\*[\s\S]*?\*\//g, '')].reduce(
    (depth, letter) => depth + ('{(['.includes(letter) ? 1 : '})]'.includes(letter) ? -1 : 0),
    0,
  );

/** Declarations in a row: `{ comment, code }`. tsc ends each with a line of its own. */
function split(text) {
  const found = [];
  let comment = '';
  let code = '';
  let isComment = false;
  for (const line of text.split('\n')) {
    const isBetween = !code && (isComment || /^\s*\/\*\*/.test(line));
    if (isBetween) {
      if (!isComment) comment = '';
      comment += `${line}\n`;
      isComment = !line.includes('*/');
    } else if (line.trim()) {
      code += `${line}\n`;
      if (depthOf(code) || !/[;},]\s*$/.test(line)) continue;
      found.push({ comment: textOf(comment), code: code.trimEnd() });
      comment = '';
      code = '';
    }
  }
  return found;
}

const HEAD =
  /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|const|function) (\w+)(.*?)(?: \{\n([\s\S]*)\})?;?$/s;

/** Every declaration of a module by its name. */
function declarationsOf(module) {
  const known = new Map();
  for (const { comment, code } of split(readFileSync(new URL(module, DIST), 'utf8'))) {
    const [, kind, name, rest = '', body] = HEAD.exec(code) ?? [];
    if (!name) continue;
    const hasMembers = (kind === 'class' || kind === 'interface') && body !== undefined;
    const members = hasMembers ? split(body).filter(isPublic).map(memberOf) : [];
    known.set(name, { kind, name, comment, code, rest: hasMembers ? rest : '', members, module });
  }
  return known;
}

const isPublic = ({ code }) => !/^\s*(#private|protected|private|constructor\(\))/.test(code);

const memberOf = ({ comment, code }) => {
  const text = code
    .split('\n')
    .map((line) => line.replace(/^ {4}/, ''))
    .join('\n')
    .replace(/;$/, '');
  const name =
    /^(?:(?:abstract|readonly|static|get|set|override) )*([\w$]+|'[^']+'|\[)/.exec(text)?.[1] ?? text;
  return { name: name.replaceAll("'", ''), comment, code: text };
};

/** Where a module has a name from. */
function importsOf(module) {
  const text = readFileSync(new URL(module, DIST), 'utf8');
  return new Map(
    [...text.matchAll(/^(?:import|export)(?: type)? \{([^}]*)\} from '([^']+)';/gm)].flatMap(
      ([, names, from]) =>
        names
          .split(',')
          .map((name) => [
            name.replace(/^\s*type\s+|\s+/g, '').trim(),
            new URL(from.replace(/\.js$/, '.d.ts'), new URL(module, DIST)).href.slice(DIST.href.length),
          ]),
    ),
  );
}

/** The classes that one extends and that are not exported themselves, the nearest first. */
function basesOf(declaration, exported) {
  const base = / extends (\w+)/.exec(declaration.rest)?.[1];
  const from = base && !exported.has(base) && importsOf(declaration.module).get(base);
  const parent = from && declarationsOf(from).get(base);
  return parent ? [parent, ...basesOf(parent, exported)] : [];
}

/** What a class has of itself and of those bases, as if it had all by itself. */
function whole(declaration, exported) {
  const bases = basesOf(declaration, exported);
  const owned = new Set(declaration.members.map(({ name }) => name));
  const given = bases.flatMap(({ members }) => members).filter(({ code }) => !code.startsWith('constructor'));
  // What a subclass declares again without a word has the words of its base.
  const said = ({ name, comment }) => comment || given.find((other) => other.name === name)?.comment || '';
  const own = declaration.members.map((member) => ({ ...member, comment: said(member) }));
  const hidden = new RegExp(`\\b(${bases.map(({ name }) => name).join('|') || '-'})<\\w+>|\\bSelf\\b`, 'g');
  const named = (text) => text.replace(hidden, declaration.name);
  const all = [...own, ...given.filter(({ name }) => !owned.has(name))];
  return {
    ...declaration,
    rest: named(bases.at(-1)?.rest.replace(/^<\w+>/, '') ?? declaration.rest),
    members: all.map((member) => ({ ...member, code: named(member.code) })),
  };
}

/** What an entry point exports, in its order: its own declarations, and those that it passes on. */
export function exportsOf(entry) {
  const passedOn = [...readFileSync(new URL(entry, DIST), 'utf8').matchAll(/^export(?: type)? \{[^;]*;/gm)]
    .map(([line]) => line)
    .join('\n');
  const imports = importsOf(entry);
  const own = [...declarationsOf(entry).values()].filter(({ code }) => code.startsWith('export'));
  const others = [...imports].filter(([name]) => new RegExp(`\\b${name}\\b`).test(passedOn));
  const found = [...others.map(([name, from]) => declarationsOf(from).get(name)), ...own];
  const names = new Set(found.map(({ name }) => name));
  return found.map((declaration) => whole(declaration, names));
}
