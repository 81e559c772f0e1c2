// Prints the API reference from the types in dist/, which is built before.
import { writeFileSync } from 'node:fs';
import { exportsOf } from './declarations.mjs';

/** The entry points: how they are imported, and their declarations. */
export const ENTRIES = { '@strowger/client': 'index.d.ts', '@strowger/client/rooms': 'rooms.d.ts' };
export const REFERENCE = new URL('../../../docs/sdk-reference.md', import.meta.url);

const code = (text) => `\`\`\`ts\n${text}\n\`\`\``;
const line = (text) =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('; }', ' }')
    .replace(/,? \)/g, ')')
    .replaceAll('( ', '(');
const member = ({ comment, code: text }) => `- \`${line(text)}\`: ${comment.replaceAll('\n', '\n  ')}`;

function section({ kind, name, rest, comment, code: text, members }) {
  const isSpelled = kind !== 'class' && kind !== 'interface';
  const head = isSpelled ? code(text.replace(/^export (declare )?/, '')) : `\`${kind} ${name}${line(rest)}\``;
  const list = members.map(member).join('\n');
  return [`### ${name}`, head, comment, list].filter(Boolean).join('\n\n');
}

/** The whole reference. */
export function reference() {
  const chapters = Object.entries(ENTRIES).map(([name, entry]) =>
    [`## ${name}`, ...exportsOf(entry).map(section)].join('\n\n'),
  );
  return `# Reference of the client

Printed from the types by \`npm run reference\` in \`sdk/js\`; [sdk.md](sdk.md) shows how to use it.

${chapters.join('\n\n')}
`;
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split('/').at(-1))) {
  writeFileSync(REFERENCE, reference());
}
