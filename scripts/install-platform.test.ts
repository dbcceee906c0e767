/** Both tarballs in an empty folder: the platform comes up, and an evaluation in another process is on it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, runTool } from './run-tool.ts';

let folder: string;
let tarballs: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hud-install-platform-'));
  const built = await runTool(process.execPath, [join(root, 'scripts/build.ts')]);
  expect(built.code, built.output).toBe(0);
  for (const name of ['hud', '@hud/platform']) {
    const packed = await runTool('npm', ['pack', '--workspace', name, '--ignore-scripts', '--pack-destination', folder]);
    expect(packed.code, packed.output).toBe(0);
  }
  tarballs = readdirSync(folder).map((name) => join(folder, name));
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true }));

test('hud platform runs from its tarball, and what hud eval records is there', async () => {
  const home = join(folder, 'home');
  const place = join(home, 'empty');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{}');
  const env = { ...process.env, HOME: home, CI: '1', HUD_TELEMETRY_ENABLED: 'true' };
  const run = (cwd: string, program: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 120_000 });
    return { code: status, stdout, stderr };
  };
  const installed = run(place, 'npm', 'install', ...tarballs);
  expect(installed.code, installed.stderr).toBe(0);
  const hud = join(place, 'node_modules', '.bin', 'hud');
  const platform = spawn(hud, ['platform', '--port', '0', '--json'], { cwd: place, env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(createInterface({ input: platform.stdout }), 'line', { signal: AbortSignal.timeout(30_000) })) as [string];
    const { url } = JSON.parse(line) as { url: string };
    expect(run(place, hud, 'init', 'my-env').code).toBe(0);
    const project = join(place, 'my-env');
    const graded = run(project, hud, 'eval', 'tasks.ts', 'oracle', '--all', '--group', '3', '--json');
    expect(graded.code, graded.stderr).toBe(0);
    const { job } = JSON.parse(graded.stdout) as { job: { id: string } };
    const jobs = JSON.parse(run(project, hud, 'jobs', '--remote', '--json').stdout) as object[];
    expect(jobs).toEqual([expect.objectContaining({ id: job.id, status: 'completed', runs: 6, graded: 6, mean_reward: 1 })]);
    expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: 'ok' });
  } finally {
    platform.kill('SIGTERM');
    expect(await once(platform, 'exit')).toEqual([0, null]);
  }
}, 240_000);
