/** What a user does with the tarball: npm install into an empty folder, on the oldest supported Node and on this one. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, runTool } from './run-tool.ts';

const OLDEST = '22.18.0';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hud-install-'));
  const built = await runTool(process.execPath, [join(root, 'scripts/build.ts')]);
  expect(built.code, built.output).toBe(0);
  const packed = await runTool('npm', ['pack', '--workspace', 'hud', '--ignore-scripts', '--pack-destination', folder]);
  expect(packed.code, packed.output).toBe(0);
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none');
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** The directory of a Node of the oldest supported release, fetched once. */
async function oldestNode(): Promise<string> {
  const directory = join(root, '.tools', `node-${OLDEST}`);
  const name = `node-${process.platform}-${process.arch}`;
  const bin = join(directory, 'node_modules', name, 'bin');
  if (!existsSync(bin)) {
    mkdirSync(directory, { recursive: true });
    const fetched = await runTool('npm', ['install', `${name}@${OLDEST}`, '--prefix', directory, '--no-save', '--no-package-lock']);
    expect(fetched.code, fetched.output).toBe(0);
  }
  return bin;
}

test.each([
  ['the oldest supported Node', oldestNode],
  ['this Node', async () => dirname(process.execPath)],
])(
  'the tarball installs into an empty folder and works there, on %s',
  async (_name, nodeDirectory) => {
    const home = mkdtempSync(join(folder, 'user-'));
    const env = { ...process.env, PATH: `${await nodeDirectory()}${delimiter}${process.env.PATH ?? ''}`, HOME: home, CI: '1' };
    delete (env as Record<string, string | undefined>).NODE_PATH;
    const run = (cwd: string, program: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } => {
      const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 120_000 });
      return { code: status, stdout, stderr };
    };
    const place = join(home, 'empty');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{}'); // npm would look for a project in the folders above
    const installed = run(place, 'npm', 'install', tarball);
    expect(installed.code, installed.stderr).toBe(0);
    expect(existsSync(join(place, 'node_modules', 'typescript'))).toBe(false);
    const hud = join(place, 'node_modules', '.bin', 'hud');
    expect(run(place, hud, 'init', 'my-env').code).toBe(0);
    const project = join(place, 'my-env');
    const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { dependencies: { hud: string } };
    expect(manifest.dependencies.hud).toBe(`file:${tarball}`);
    // At once, out of the installation above it; then again with what the new project installs itself.
    for (const command of [hud, join(project, 'node_modules', '.bin', 'hud')]) {
      const graded = run(project, command, 'eval', 'tasks.ts', 'oracle', '--all', '--group', '2', '--json');
      expect(graded.code, graded.stderr).toBe(0);
      expect(graded.stderr).not.toMatch(/warning/i);
      expect(JSON.parse(graded.stdout)).toMatchObject({ summary: { runs: 4, graded: 4, mean: 1 } });
      if (command === hud) expect(run(project, 'npm', 'install', '--omit=dev').code).toBe(0);
    }
    expect(JSON.parse(run(project, hud, 'jobs', '--json').stdout)).toHaveLength(2);
  },
  240_000,
);
