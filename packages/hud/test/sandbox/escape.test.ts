/** Ways out of a sandbox, tried on a real workspace; see `escape-stage.ts` for what stands around it. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canReach } from '../../src/environment/workspace/identity.ts';
import { probeIsolation } from '../../src/environment/workspace/probe.ts';
import { ATTEMPTS } from './escape-attempts.ts';
import { MARK_VARIABLE, type Plan, type Report } from './escape-stage.ts';

const STAGE = join(import.meta.dirname, 'escape-stage.ts');
const OTHER = 54_321;
const LIMIT_MS = 170_000;
const NAMES = ATTEMPTS.map(({ name }) => name);
const NOTICED = ATTEMPTS.filter(({ unnoticed }) => unnoticed === undefined).map(({ name }) => name);
const probe = await probeIsolation();
const reason = missing();
const noOther = [STAGE, process.execPath].every((path) => canReach(path, { uid: OTHER, gid: OTHER }))
  ? undefined
  : 'another user can not reach this checkout, or this Node.js';

function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'the machine around the sandbox is made by root, on Linux';
  if (!probe.available) return probe.reason;
  const tools = ['unshare --net true', 'setpriv --version', '/usr/bin/python3 --version', 'git --version', 'ip -V'];
  const broken = tools.find((tool) => spawnSync('sh', ['-c', tool]).status !== 0);
  return broken && `\`${broken}\` does not work here`;
}

/** In namespaces of its own, with the word in its environment and in a file that it has inherited open. */
async function play(plan: Plan, as?: number): Promise<Report> {
  const mark = `word-${randomBytes(12).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), 'hud-escape-word-'));
  writeFileSync(join(folder, 'word'), mark, { mode: 0o600 });
  mkdirSync(join(folder, 'tmp'));
  chmodSync(join(folder, 'tmp'), 0o1777);
  chmodSync(folder, 0o755);
  const word = openSync(join(folder, 'word'), 'r');
  const drop = as === undefined ? '' : `setpriv --reuid ${as} --regid ${as} --clear-groups `;
  const spaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const start = `ip link set lo up; mount -t tmpfs tmpfs /dev/shm; exec ${drop}"$@"`;
  const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: join(folder, 'tmp'), [MARK_VARIABLE]: mark, OPENAI_API_KEY: mark };
  const child = spawn('unshare', [...spaces, 'sh', '-c', start, 'sh', process.execPath, STAGE, JSON.stringify(plan)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit', word],
    timeout: LIMIT_MS - 10_000,
    killSignal: 'SIGKILL',
  });
  let text = '';
  for await (const bytes of child.stdout ?? []) text += String(bytes);
  closeSync(word);
  rmSync(folder, { recursive: true, maxRetries: 5 }); // what was mounted there went with its namespace
  return JSON.parse(text) as Report;
}

function breachesOf(report: Report | undefined, name: string): string[] {
  const row = report?.rows.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`the attempt "${name}" was not made`);
  return row.breaches;
}

let reports: Record<'root' | 'user' | 'nobody', Report | undefined>;
/** At once: most of the time each waits for something. */
beforeAll(async () => {
  if (reason !== undefined) return;
  const [root, user, nobody] = await Promise.all([
    play({ wall: 'bwrap', attempts: NAMES }),
    noOther === undefined ? play({ wall: 'bwrap', attempts: NAMES }, OTHER) : undefined,
    play({ wall: 'none', attempts: NOTICED }),
  ]);
  reports = { root, user, nobody };
}, LIMIT_MS);

describe.skipIf(reason)('a sandbox that root serves', () => {
  test.each(NAMES)('holds against %s', (name) => {
    expect(breachesOf(reports.root, name)).toEqual([]);
  });
});

describe.skipIf(reason ?? noOther)('a sandbox that a user without privileges serves', () => {
  test.each(NAMES)('holds against %s', (name) => {
    expect(breachesOf(reports.user, name)).toEqual([]);
  });

  test('is served by that user', () => {
    expect([reports.root?.uid, reports.user?.uid]).toEqual([0, OTHER]);
  });
});

describe.skipIf(reason)('the machine around it', () => {
  test.each(NOTICED)('notices, without walls, %s', (name) => {
    expect(breachesOf(reports.nobody, name)).not.toEqual([]);
  });
});

test('at least sixty ways are tried', () => {
  expect(new Set(NAMES).size).toBeGreaterThanOrEqual(60);
  expect(NOTICED.length).toBeGreaterThanOrEqual(50);
});
