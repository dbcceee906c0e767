/** Sandboxes of processes of their own: of another user, and killed without a warning. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { groupsNamed, limitBases } from '../../host/cgroup.ts';
import { destroyTarget, LEASE_VARIABLE } from '../../host/destroy.ts';
import { nodeHost } from '../../host/node.ts';
import { makeLimitGroups } from './cgroup-limits.ts';
import { canReach } from './identity.ts';
import { probeIsolation } from './probe.ts';
import { textOf } from './sandbox.fixtures.ts';

const DRIVER = fileURLToPath(new URL('bwrap.driver.ts', import.meta.url));
/** Of all that the processes make: a killed one leaves its folders. */
const FOLDER = mkdtempSync(join(tmpdir(), 'hud-owners-'));
chmodSync(FOLDER, 0o777);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));
const OTHER = { uid: 54_321, gid: 54_321 };
const probe = await probeIsolation();
const isRoot = process.getuid?.() === 0;
const noOther = isRoot ? whyUnreachable() : 'only root can become another user';
const reason = probe.available ? undefined : probe.reason;
const NO_GROUPS = limitBases().size === 0 ? 'no control group can be made here' : undefined;

function drive(args: string[], { as, env = {} }: { as: 'self' | 'other'; env?: Record<string, string> }): ChildProcess {
  const drop = as === 'other' ? ['setpriv', '--reuid', String(OTHER.uid), '--regid', String(OTHER.gid), '--clear-groups', '--'] : [];
  const [file = '', ...rest] = [...drop, process.execPath, DRIVER, ...args];
  return spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '', TMPDIR: FOLDER, ...env } });
}

describe.skipIf(reason)('a sandbox', () => {
  test.skipIf(noOther)('without root there are the same walls, as the same user, and limits where the system gives them', async () => {
    const forks =
      'for (1..200) { my $p = fork; last unless defined $p; if (!$p) { close STDOUT; close STDERR; sleep 9; exit } $n++ } print $n';
    const script = `id -u; ls /home; cat /proc/1/environ; grep -E "^(CapEff|Seccomp):" /proc/self/status; exec perl -e '${forks}'`;
    const child = drive(['run', script], { as: 'other' });
    const told = JSON.parse(await textOf(child.stdout as NonNullable<typeof child.stdout>)) as Record<string, unknown>;
    expect(told.level).toMatchObject({
      isolation: 'bwrap',
      seccomp: true,
      uid: OTHER.uid,
      limits: { memory: 'none', processes: 'rlimit' },
    });
    expect(told.stdout).toMatch(new RegExp(`^${OTHER.uid}\\nCapEff:\\t0+\\nSeccomp:\\t2\\n9\\d$`)); // of the 100 that the driver allows
    expect(told.stderr).toMatch(/\/proc\/1\/environ.*Permission denied/);
    expect(told.status).toEqual({ code: 0 });
  });

  async function killedOwner(as: 'self' | 'other', mode = 'hold'): Promise<void> {
    const mark = `${80_000 + Math.floor(Math.random() * 9_000)}.25`;
    const lease = nodeHost.randomHex(8);
    const daemon = `trap '' HUP INT TERM; (setsid sleep ${mark} </dev/null >/dev/null 2>&1 &); sleep ${mark} & echo up; wait`;
    const child = drive([mode, daemon], { as, env: { [LEASE_VARIABLE]: lease } });
    await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
    await expect.poll(() => sleeping(mark).length).toBe(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(() => sleeping(mark), { timeout: 5_000 }).toEqual([]);
    await destroyTarget({ tag: lease });
    expect(groupsNamed((name) => name.startsWith(`hud-${lease}-`))).toEqual([]);
  }

  test('when its process is killed a sandbox goes, daemons that ignore signals included', () => killedOwner('self'));
  test.skipIf(noOther)('when its process without root is killed a sandbox goes, daemons that ignore signals included', () =>
    killedOwner('other'),
  );
  test.skipIf(noOther)('so does one with another around it, whose network can be joined', () => killedOwner('other', 'hold joined'));

  test.skipIf(NO_GROUPS)('a group whose maker has ended is removed by the next maker, with all in it', async () => {
    const base = [...limitBases().values()].find(({ version }) => version === 1) ?? [...limitBases().values()][0];
    const name = `hud-${nodeHost.randomHex(8)}-999999.1-1`;
    const path = join(base?.path ?? '', name);
    execFileSync('mkdir', [path]);
    const inside = spawn('sh', ['-c', `echo $$ >${path}/cgroup.procs && exec sleep 600`], { stdio: 'ignore' });
    await expect.poll(() => readFileSync(join(path, 'cgroup.procs'), 'utf8')).toContain(String(inside.pid));
    const ended = once(inside, 'exit');
    const warnings: string[] = [];
    const groups = await makeLimitGroups({ memoryBytes: 2 ** 30, processes: 100, cpus: 0.5 }, (message) => void warnings.push(message));
    await ended;
    expect(existsSync(path)).toBe(false);
    expect(groups.level).toEqual({
      memory: expect.stringMatching('cgroup'),
      processes: expect.stringMatching('cgroup'),
      cpus: expect.stringMatching('cgroup'),
    });
    await groups.remove();
    await groups.remove();
    expect([warnings, groupsNamed((name) => name.includes(`-${process.pid}.`))]).toEqual([[], []]);
  });
});

function whyUnreachable(): string | undefined {
  const isReachable = [DRIVER, process.execPath].every((path) => canReach(path, OTHER));
  return isReachable ? undefined : 'another user can not reach this checkout, or this Node.js';
}

function sleeping(mark: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').startsWith(`sleep\0${mark}`);
    } catch {
      return false; // it ended meanwhile
    }
  });
}
