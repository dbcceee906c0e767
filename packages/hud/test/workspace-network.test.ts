/** What commands of a whole workspace reach, over SSH; see `workspace-network.stage.ts` for where the targets stand. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { canReach } from '../src/environment/workspace/identity.ts';
import { probeIsolation } from '../src/environment/workspace/probe.ts';
import type { Outcomes } from './workspace-network.driver.ts';
import { ALLOWED, OTHER, type Report } from './workspace-network.stage.ts';

const STAGE = fileURLToPath(new URL('workspace-network.stage.ts', import.meta.url));
const OTHER_USER = 54_321;
const reason = await whyNot();

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'network namespaces are made by root';
  const probe = await probeIsolation();
  if (!probe.available) return probe.reason;
  if (!['/usr/bin/python3', '/usr/local/bin/python3'].some((path) => existsSync(path))) return 'python3 is not installed for everybody';
  const broken = ['unshare --net --mount true', 'ip -V', 'nsenter --version'].find((tool) => spawnSync('sh', ['-c', tool]).status !== 0);
  return broken && `\`${broken}\` does not work here`;
}

async function play(uid: number): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hud-stage-'));
  chmodSync(folder, 0o777);
  try {
    const stage = ['--net', '--mount', '--', process.execPath, STAGE, JSON.stringify({ uid })];
    const env = { PATH: process.env.PATH ?? '', TMPDIR: folder };
    return JSON.parse((await promisify(execFile)('unshare', stage, { timeout: 110_000, env })).stdout) as Report;
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 5 });
  }
}

const canBeOther = [STAGE, process.execPath].every((path) => canReach(path, { uid: OTHER_USER, gid: OTHER_USER }));
const NOTHING = { allowed: 'gaierror', below: 'gaierror', other: 'gaierror', private: 'gaierror', unknown: 'gaierror' };
const WALLS = { direct: 'OSError 101', machine: 'OSError 101' }; // ENETUNREACH, at once
const SERVICES = { database: 'first: ping', second: 'second: ping', alias: 'inside says hello' };

describe.skipIf(reason).each([
  { who: 'root', uid: 0, why: undefined },
  { who: 'another user', uid: OTHER_USER, why: canBeOther ? undefined : 'another user can not reach this checkout, or this Node.js' },
])(`a workspace served by $who${reason === undefined ? '' : `: ${reason}`}`, ({ uid, why }) => {
  let report: Report;
  const of = (name: Exclude<keyof Report['seen'], 'warnings'>): Outcomes => report.seen[name];
  beforeAll(async () => {
    if (why === undefined) report = await play(uid);
  }, 120_000);

  test.skipIf(why)('without network reaches nothing, at once, and is told of no proxy', () => {
    expect(of('closed')).toEqual({ network: 'none', variables: '0', ...WALLS, ...NOTHING });
  });

  test.skipIf(why)('with peers alone reaches them by name and port, and nothing else; what it serves is not published', () => {
    const { loopback, outside, ...rest } = of('peersOnly');
    expect(rest).toEqual({ network: 'none', variables: '0', ...WALLS, ...SERVICES, serve: 'up', allowed: 'gaierror' });
    expect([loopback, outside]).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('ECONNREFUSED')]);
  });

  const listed = {
    network: 'proxy',
    variables: '6',
    ...WALLS,
    ...SERVICES,
    serve: 'up',
    allowed: 'hello',
    below: 'hello',
    other: expect.stringMatching(/^403/),
    private: expect.stringMatching(/^403/),
    unknown: expect.stringMatching(/^403/),
    loopback: 'inside says hello',
    outside: 'inside says hello',
  };

  test.skipIf(why)('with allowed hosts reaches those, its peers and its own names; its ports are published on every address', () => {
    expect(of('listed')).toMatchObject(listed);
  });

  test.skipIf(why)('has its network again after the sandbox was discarded', () => {
    expect(of('renewed')).toEqual(listed);
  });

  test.skipIf(why)("has none for its author's isolated command", () => {
    expect(of('listed')['isolated']).toBe('0\ngaierror\nConnectionRefusedError 111\n');
  });

  test.skipIf(why)('with the public network reaches what is public alone', () => {
    const open = { network: 'proxy', variables: '6', ...WALLS, allowed: 'hello', below: 'hello', other: 'hello' };
    expect(of('open')).toEqual({ ...open, private: expect.stringMatching(/^403/), unknown: expect.stringMatching(/^502/) });
  });

  test.skipIf(why)('sends nothing but the requests that were allowed', () => {
    const allowed = ['/allowed', '/below'].map((path) => `${ALLOWED}:80 GET ${path} HTTP/1.1`);
    const expected = [...allowed, ...allowed, ...allowed, `${OTHER}:80 GET /other HTTP/1.1`];
    expect(report.received.toSorted()).toEqual(expected.toSorted());
    expect(new Set(report.seen.warnings.map((warning) => /refused (\S+):/.exec(warning)?.[1]))).toEqual(
      new Set(['other.example', 'private.allowed.example', 'nowhere.example']),
    );
  });
});
