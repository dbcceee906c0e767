import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { root, runTool, type ToolResult } from './run-tool.ts';

/** A checkout in small: the real build, sources of a few lines. */
let copy: string;

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'build-'));
  for (const path of ['tsconfig.json', 'packages/hud/tsconfig.json', 'scripts/build.ts', 'scripts/run-tool.ts'])
    cpSync(join(root, path), join(copy, path));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  write('packages/hud/package.json', JSON.stringify({ name: 'hud', type: 'module', dependencies: { zod: '*' } }));
  for (const name of ['protocol', 'agents', 'graders', 'store', 'testing']) source(`${name}/index.ts`, `export const ${name} = 1;\n`);
  source('index.ts', `import { late } from './late.ts';\nexport { late };\n`);
  source('environment/serve-child.ts', `import { late } from '../late.ts';\nconsole.log(await late());\n`);
  source('cli/main.ts', `import { Command } from 'commander';\nconsole.log(new Command('hud').name());\n`);
  version('one');
});

afterEach(() => rmSync(copy, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  writeFileSync(join(copy, path), text);
}

function source(path: string, text: string): void {
  write(`packages/hud/src/${path}`, text);
}

/** A chunk shared by two entries, and one that is loaded late. */
function version(name: string): void {
  source('late.ts', `export const late = async (): Promise<string> => (await import('./later.ts')).text;\n`);
  source('later.ts', `export const text = '${name}';\n`);
}

async function build(...flags: string[]): Promise<ToolResult> {
  return await runTool(process.execPath, [join(copy, 'scripts/build.ts'), ...flags]);
}

function chunks(): string[] {
  return readdirSync(join(copy, 'packages/hud/dist')).filter((name) => /^chunk-.*\.js$/.test(name));
}

async function runServeChild(): Promise<ToolResult> {
  return await runTool(process.execPath, [join(copy, 'packages/hud/dist/serve-child.js')]);
}

test('entries lie flat, declarations in their folders, commander inside and dependencies outside', async () => {
  source('protocol/index.ts', `import { z } from 'zod';\nexport const schema: z.ZodString = z.string();\n`);
  expect(await build()).toMatchObject({ code: 0 });
  const files = readdirSync(join(copy, 'packages/hud/dist'));
  for (const name of ['index', 'protocol', 'agents', 'graders', 'store', 'testing', 'cli', 'serve-child']) {
    expect(files).toEqual(expect.arrayContaining([`${name}.js`, `${name}.js.map`]));
  }
  expect(existsSync(join(copy, 'packages/hud/dist/types/protocol/index.d.ts'))).toBe(true);
  expect(readFileSync(join(copy, 'packages/hud/dist/cli.js'), 'utf8')).not.toMatch(/from ['"]commander['"]/);
  expect(readFileSync(join(copy, 'packages/hud/dist/protocol.js'), 'utf8')).toMatch(/from ['"]zod['"]/);
  expect(await runServeChild()).toEqual({ code: 0, output: 'one\n' });
  expect(readdirSync(join(copy, 'packages/hud')).filter((name) => name.startsWith('dist.tmp'))).toEqual([]);
});

test('a program that started before a build still finds what it loads late', async () => {
  await build('--no-types');
  source(
    'environment/serve-child.ts',
    `import { late } from '../late.ts';\nconsole.log('up');\nprocess.stdin.once('data', async () => { console.log(await late()); process.exit(); });\n`,
  );
  await build('--no-types');
  const child = spawn(process.execPath, [join(copy, 'packages/hud/dist/serve-child.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  version('two');
  await build('--no-types');
  child.stdin.write('go\n');
  expect(String((await once(child.stdout, 'data'))[0])).toBe('one\n');
});

test('whoever reads while builds go on sees a whole build', async () => {
  await build('--no-types');
  const finished = new AbortController();
  const building = (async () => {
    for (const name of ['two', 'three', 'four', 'five']) {
      version(name);
      expect((await build('--no-types')).code).toBe(0);
    }
  })().finally(() => finished.abort());
  const seen: string[] = [];
  while (!finished.signal.aborted) {
    const { code, output } = await runServeChild();
    expect(code, output).toBe(0);
    seen.push(output.trim());
  }
  await building;
  expect(seen.length).toBeGreaterThan(3);
  for (const word of seen) expect(['one', 'two', 'three', 'four', 'five']).toContain(word);
});

test('old chunks go after an hour, or at once with --clean', async () => {
  await build('--no-types');
  const [first, ...rest] = chunks();
  version('two');
  await build('--no-types');
  expect(chunks()).toEqual(expect.arrayContaining([first, ...rest]));
  const longAgo = new Date(Date.now() - 2 * 3_600_000);
  for (const name of chunks()) utimesSync(join(copy, 'packages/hud/dist', name), longAgo, longAgo);
  version('three');
  await build('--no-types');
  const kept = chunks();
  version('four');
  await build('--no-types', '--clean');
  expect(chunks().length).toBe(kept.length);
  expect(await runServeChild()).toEqual({ code: 0, output: 'four\n' });
});

test('sources that do not type-check leave dist as it was, unless types are not asked for', async () => {
  await build();
  version('two');
  source('wrong.ts', 'export const wrong: number = "text";\n');
  const { code, output } = await build();
  expect(code).toBe(1);
  expect(output).toContain('src/wrong.ts(1,14)');
  expect(output).toContain('dist is as it was');
  expect(await runServeChild()).toEqual({ code: 0, output: 'one\n' });
  expect((await build('--no-types')).code).toBe(0);
  expect(await runServeChild()).toEqual({ code: 0, output: 'two\n' });
  expect(existsSync(join(copy, 'packages/hud/dist/types/index.d.ts'))).toBe(true);
});

test('a package that is no dependency is refused, not copied in', async () => {
  source('graders/index.ts', `export { parseSync } from 'oxc-parser';\n`);
  const { code, output } = await build('--no-types');
  expect(code).toBe(1);
  expect(output).toContain('The sources import oxc-parser, which packages/hud/package.json does not list');
});

test('a source that does not parse fails with its place', async () => {
  source('graders/index.ts', 'export const = 1;\n');
  const { code, output } = await build('--no-types');
  expect(code).toBe(1);
  expect(output).toContain('packages/hud/src/graders/index.ts:1:13');
});

test('the stamp carries the time at which the sources were read', async () => {
  const before = Date.now();
  await build('--no-types');
  const { mtimeMs } = statSync(join(copy, '.tools/built'));
  expect(mtimeMs).toBeGreaterThanOrEqual(before - 1);
  expect(mtimeMs).toBeLessThan(statSync(join(copy, 'packages/hud/dist/cli.js')).mtimeMs);
});
