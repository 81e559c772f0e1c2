// Builds dist/: the modules, their types, and the interface that components are made for.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
for (const folder of ['dist/', 'build/']) {
  rmSync(new URL(folder, root), { recursive: true, force: true });
}
const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
const config = fileURLToPath(new URL('tsconfig.build.json', root));
const { status } = spawnSync(process.execPath, [tsc, '-p', config], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
cpSync(new URL('../../wit/', root), new URL('dist/wit/', root), { recursive: true });
