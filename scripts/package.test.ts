/** The package `hud` as a user gets it: built, packed, unpacked beside its dependencies, far from this repository. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, runTool } from './run-tool.ts';

interface Manifest {
  exports: Record<string, unknown>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(root, 'packages/hud/package.json'), 'utf8')) as Manifest;
const entries = Object.keys(manifest.exports)
  .filter((key) => key !== './package.json')
  .map((key) => key.replace('.', 'hud'));

let consumer: string;
let installed: string;

beforeAll(async () => {
  consumer = mkdtempSync(join(tmpdir(), 'hud-consumer-'));
  installed = join(consumer, 'node_modules', 'hud');
  const built = await runTool(process.execPath, [join(root, 'scripts/build.ts')]);
  expect(built.code, built.output).toBe(0);
  const packed = await runTool('npm', ['pack', '--workspace', 'hud', '--ignore-scripts', '--pack-destination', consumer]);
  expect(packed.code, packed.output).toBe(0);
  const tarball = readdirSync(consumer).find((name) => name.endsWith('.tgz')) ?? 'none';
  mkdirSync(installed, { recursive: true });
  spawnSync('tar', ['-xzf', join(consumer, tarball), '-C', installed, '--strip-components=1']);
  for (const name of ['@types/node', ...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)]) {
    mkdirSync(dirname(join(consumer, 'node_modules', name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(consumer, 'node_modules', name));
  }
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');
}, 180_000);

afterAll(() => rmSync(consumer, { recursive: true }));

function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: consumer, encoding: 'utf8' });
}

async function compile(source: string): Promise<string> {
  writeFileSync(join(consumer, 'program.ts'), source);
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2024',
    lib: ['esnext'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  return (await runTool('tsc', ['-p', consumer, '--pretty', 'false'])).output;
}

test.each(entries)('%s can be imported, and offers something', (entry) => {
  const { status, stdout, stderr } = node('--input-type=module', '-e', `console.log(Object.keys(await import('${entry}')).length)`);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(Number(stdout)).toBeGreaterThan(0);
});

test('a program that imports every entry type-checks', async () => {
  const lines = entries.map((entry, index) => `import * as entry${index} from '${entry}';\nconsole.log(entry${index});`);
  expect(await compile(lines.join('\n'))).toBe('');
});

test('the declarations are real: a wrong use does not type-check', async () => {
  const output = await compile(
    `import { HudError } from 'hud/protocol';\nconst n: number = new HudError('UNKNOWN', 'x');\nconsole.log(n);`,
  );
  expect(output).toContain(`Type 'HudError' is not assignable to type 'number'`);
});

test('the command of the package starts', () => {
  const { status, stdout, stderr } = node(join(installed, 'bin/hud.js'), '--version');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/\d+\.\d+\.\d+/);
});

test('the command says how to build when dist is missing', () => {
  const bare = join(consumer, 'bare');
  mkdirSync(bare);
  cpSync(join(installed, 'bin'), join(bare, 'bin'), { recursive: true });
  writeFileSync(join(bare, 'package.json'), '{ "type": "module" }');
  const { status, stderr } = node(join(bare, 'bin/hud.js'));
  expect(status).toBe(1);
  expect(stderr).toContain('npm run build');
});

test('the package holds no tests and no sources', () => {
  const files = readdirSync(installed, { recursive: true }).map(String);
  expect(files).toContain('dist/types/index.d.ts');
  expect(files.filter((file) => /^(src|test)\/|^tsconfig|^dist\/.*\.test\./.test(file))).toEqual([]);
});
