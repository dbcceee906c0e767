import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkImports } from './check-imports.ts';
import { PACKAGES } from './import-rules.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check-imports-'));
  for (const [folder, name] of [
    ['hud', 'hud'],
    ['platform', '@hud/platform'],
    ['web', '@hud/web'],
  ] as const) {
    write(`packages/${folder}/package.json`, JSON.stringify({ name }));
  }
});

afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test.each([
  ['hud/src/client/a.ts', `import { b } from '../capabilities/b.ts';`],
  ['hud/src/client/a.ts', `import { b } from './b.ts';\nimport { once } from 'node:events';`],
  ['hud/src/store/a.ts', `import { nodeHost } from '../host/node.ts';`],
  ['hud/src/protocol/a.ts', `import { z } from 'zod';\nimport { sha256 } from '@noble/hashes/sha2.js';`],
  ['hud/src/agents/a.ts', `import type OpenAI from 'openai';\nconst sdk = await import('openai');`],
  ['hud/src/cli/a.ts', `import { serve } from '../environment/serve.ts';\nawait import('@hud/platform');`],
  ['hud/src/index.ts', `export { Client } from './client/index.ts';\nexport { Environment } from './environment/environment.ts';`],
  ['hud/src/testing/a.ts', `import { connect } from '../client/connect.ts';\nimport { serve } from '../environment/serve.ts';`],
  ['hud/src/client/a.test.ts', `import { serve } from '../environment/serve.ts';`],
  ['hud/src/client/a.ts', `// import { serve } from '../environment/serve.ts';\nconst text = "import x from '../environment/serve.ts'";`],
  ['platform/src/storage/a.ts', `import { openStore } from 'hud/store';\nimport { Config } from '../config.ts';`],
  ['platform/src/main.ts', `import { Environment } from 'hud';\nimport { serve } from './api/serve.ts';`],
  ['web/src/routes/jobs.tsx', `import type { Task } from 'hud/protocol';\nimport { get } from '../api.ts';`],
])('%s may contain: %s', (path, text) => {
  write(`packages/${path}`, text);
  expect(checkImports(root)).toEqual([]);
});

test.each([
  [
    'hud/src/client/a.ts',
    `import type { Server } from '../environment/serve.ts';`,
    'client may import capabilities, protocol, host but not environment',
  ],
  ['hud/src/environment/a.ts', `const c = await import('../client/client.ts');`, 'but not client'],
  ['hud/src/environment/a.ts', `type C = import('../client/client.ts').Client;`, 'but not client'],
  ['hud/src/host/a.ts', `export { Store } from '../store/store.ts';`, 'host may import protocol but not store'],
  ['hud/src/eval/a.ts', `export * from '../graders/text.ts';`, 'but not graders'],
  ['hud/src/client/a.ts', `import { Environment } from '../index.ts';`, 'may not import index.ts'],
  ['hud/src/client/a.ts', `import { Environment } from 'hud';`, 'by its path'],
  ['hud/src/client/a.ts', `import { x } from '../../../platform/src/main.ts';`, 'may not leave its package'],
  ['hud/src/protocol/a.ts', `import { Buffer } from 'node:buffer';`, 'what Node brings along'],
  ['hud/src/protocol/a.ts', `import { Kysely } from 'kysely';`, 'zod, @noble/hashes alone'],
  ['hud/src/agents/a.ts', `import { OpenAI } from 'openai';`, 'openai is heavy'],
  ['hud/src/agents/a.ts', `import { type OpenAI } from 'openai';`, 'openai is heavy'],
  ['hud/src/testing/a.ts', `import { Client } from '@modelcontextprotocol/sdk/client/index.js';`, '@modelcontextprotocol/sdk is heavy'],
  ['hud/src/cli/a.ts', `import { serve } from '@hud/platform';`, "by hud's cli alone, with import()"],
  ['hud/src/eval/a.ts', `await import('@hud/platform');`, "by hud's cli alone, with import()"],
  ['hud/src/cellar/a.ts', '', 'has no line for packages/hud/src/cellar'],
  ['platform/src/gateway/a.ts', `import { Environment } from 'hud';`, 'platform/gateway may import hud/protocol of hud'],
  ['web/src/main.tsx', `import { openStore } from 'hud/store';`, 'web may import hud/protocol of hud'],
])('%s may not contain: %s', (path, text, rule) => {
  write(`packages/${path}`, text);
  const found = checkImports(root);
  expect(found.map(({ file }) => file)).toEqual([`packages/${path}`]);
  expect(found[0]?.rule).toContain(rule);
});

test('a violation names the line and the import as written', () => {
  write('packages/hud/src/client/a.ts', `import { z } from 'zod';\n\nimport {\n  bind,\n} from '../environment/serve.ts';\n`);
  expect(checkImports(root)).toMatchObject([{ line: 3, specifier: '../environment/serve.ts' }]);
});

test('the command lists violations and fails, or says nothing and succeeds', () => {
  const scripts = join(root, 'scripts');
  mkdirSync(scripts);
  for (const name of ['check-imports.ts', 'import-rules.ts']) {
    // the copy looks at the tree it stands in
    spawnSync('cp', [join(import.meta.dirname, name), scripts]);
  }
  spawnSync('ln', ['-s', join(dirname(import.meta.dirname), 'node_modules'), join(root, 'node_modules')]);
  const run = (): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, [join(scripts, 'check-imports.ts')], { encoding: 'utf8' });
  expect(run()).toMatchObject({ status: 0, stdout: '' });
  write('packages/hud/src/client/a.ts', `import { OpenAI } from 'openai';`);
  const failed = run();
  expect(failed.status).toBe(1);
  expect(failed.stdout).toMatch(/^packages\/hud\/src\/client\/a\.ts:1 imports 'openai': openai is heavy/);
});

test('environment and client never meet but on the wire, and every named room has a line', () => {
  const rooms = PACKAGES.hud?.rooms ?? {};
  expect(rooms.environment?.rooms).not.toContain('client');
  expect(rooms.client?.rooms).not.toContain('environment');
  for (const [name, { rooms: allowed }] of Object.entries(rooms)) {
    for (const other of Array.isArray(allowed) ? allowed : []) expect(Object.keys(rooms), name).toContain(other);
  }
});
