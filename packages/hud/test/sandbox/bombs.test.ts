/** Commands that use up what there is: all of it ends with the run, and nobody else notices. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSsh, shellQuote, type SshClient } from '../../src/capabilities/ssh.ts';
import { Environment } from '../../src/environment/index.ts';
import { probeIsolation } from '../../src/environment/workspace/probe.ts';
import type { SandboxLevel } from '../../src/environment/workspace/sandbox.ts';
import type { Workspace } from '../../src/environment/workspace/workspace.ts';
import { groupsNamed } from '../../src/host/cgroup.ts';

const MIB = 2 ** 20;
const LIMITS = { memoryBytes: 256 * MIB, processes: 200, diskBytes: 64 * MIB };
const LASTS_MS = 1_500;
const ANSWER_MS = 1_000;
const probe = await probeIsolation();
const reason = !probe.available
  ? probe.reason
  : process.getuid?.() === 0
    ? undefined
    : 'the limits need control groups, which only root can make here';

const python = (code: string): string =>
  `exec /usr/bin/python3 -c ${shellQuote(`import os, signal, sys, time\nsignal.alarm(60)\n${code}`)}`;
const DEAF = `for number in range(1, 65):
  try: signal.signal(number, signal.SIG_IGN)
  except (OSError, ValueError): pass`;

/** Each bounded by itself as well, so that a missing wall costs little. */
const BOMBS: Record<string, string> = {
  'a fork bomb': python(`for n in range(2000):
  try:
    if os.fork() == 0: time.sleep(60); os._exit(0)
  except OSError: time.sleep(0.01)`),
  'a fork bomb of shells': 'n=0; bomb() { while [ $n -lt 300 ]; do n=$((n + 1)); (sleep 60 & bomb) & done; wait; }; bomb 2>/dev/null',
  'a memory bomb': python(`for _ in range(4): os.fork()
held = []
for n in range(64): held.append(b'x' * (16 << 20))
time.sleep(60)`),
  'a bomb of files in memory':
    'for n in $(seq 64); do head -c 16M /dev/zero >/tmp/$n; head -c 16M /dev/zero >/dev/shm/$n; done 2>/dev/null; sleep 60',
  'a disk bomb': 'for n in $(seq 32); do head -c 32M /dev/zero >file$n; done 2>/dev/null; sleep 60',
  'a disk bomb of removed files': python(`for n in range(32):
  fd = os.open('gone', os.O_CREAT | os.O_WRONLY)
  os.unlink('gone')
  for _ in range(32): os.write(fd, bytes(1 << 20))
time.sleep(60)`),
  'an inode bomb': python(`for n in range(40000): os.close(os.open('empty-%d' % n, os.O_CREAT | os.O_WRONLY))
time.sleep(60)`),
  'a bomb of pipes, sockets and files': python(`import socket
held = []
for _ in range(8): os.fork()
try:
  while True: held.append((os.pipe(), socket.socketpair()))
except OSError: time.sleep(60)`),
  'a flood of output': 'timeout 60 yes flood',
  'busy loops': python(`for _ in range(5): os.fork()
while True: pass`),
  'a daemon that ignores every signal': python(`${DEAF}
for step in range(2):
  if os.fork(): os._exit(0) if step else os.wait()
  else: os.setsid()
while True: time.sleep(1)`),
  'children that left twice': python(`for n in range(50):
  if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
${DEAF.replaceAll(/^/gm, '      ')}
      time.sleep(60)
    os._exit(0)
time.sleep(60)`),
};

let folder: string;
let environment: Environment;
let victim: Workspace;
let other: Workspace;
let agent: SshClient;
let bystander: SshClient;
let warnings: string[];

beforeEach(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'hud-bombs-')));
  environment = new Environment('bombs');
  warnings = [];
  environment.onWarning((message) => void warnings.push(message));
  victim = environment.workspace(join(folder, 'victim'), { limits: LIMITS, trackFiles: false });
  other = environment.workspace(join(folder, 'other'), { name: 'other', trackFiles: false });
  if (reason !== undefined) return;
  await environment.start();
  agent = await openSsh(environment.capability('shell'));
  bystander = await openSsh(environment.capability('other'));
});

afterEach(async () => {
  if (reason === undefined) await Promise.all([agent.close(), bystander.close()]);
  await environment.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const levelOf = (workspace: Workspace): SandboxLevel => workspace.capability.params?.level as SandboxLevel;

interface Use {
  processes: number;
  /** What several share counts once. */
  memoryBytes: number;
}

/** Of all processes of a user of this machine. */
function useOf(uid: number): Use {
  const isTheirs = new RegExp(`^Uid:\\s+${uid}\\s`, 'm');
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isTheirs.test(factsOf(name, 'status')));
  const memory = pids.map((pid) => Number(/^Pss_Anon:\s+(\d+)/m.exec(factsOf(pid, 'smaps_rollup'))?.[1] ?? 0) * 1024);
  return { processes: pids.length, memoryBytes: memory.reduce((sum, each) => sum + each, 0) };
}

function factsOf(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(String((error as { code?: unknown }).code))) return ''; // it ended meanwhile
    throw error;
  }
}

async function answerMs(): Promise<number> {
  const startedAt = performance.now();
  expect((await bystander.exec('echo here', { timeoutMs: 20_000 })).stdout).toBe('here\n');
  return performance.now() - startedAt;
}

async function usualAnswerMs(samples: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < samples; n++) times.push(await answerMs());
  return times.toSorted((a, b) => a - b)[Math.floor(samples / 2)] ?? 0;
}

describe.skipIf(reason)(`with a limit on everything${reason === undefined ? '' : `: ${reason}`}`, () => {
  test.each(Object.keys(BOMBS))('%s harms nobody else and ends with its run', { timeout: 60_000 }, async (name) => {
    const { uid, limits } = levelOf(victim);
    expect(limits).toMatchObject({ memory: expect.stringMatching('cgroup'), processes: expect.stringMatching('cgroup'), disk: 'watch' });
    const quiet = await usualAnswerMs(5);
    const most: Use = { processes: 0, memoryBytes: 0 };
    const bomb = agent.exec(BOMBS[name] ?? '', { timeoutMs: 30_000, maxOutputBytes: 1_000 }).catch(String);
    const times: number[] = [];
    for (const until = performance.now() + LASTS_MS; performance.now() < until || times.length < 5; await sleep(30)) {
      times.push(await answerMs());
      const use = useOf(uid);
      most.processes = Math.max(most.processes, use.processes);
      most.memoryBytes = Math.max(most.memoryBytes, use.memoryBytes);
    }
    const busy = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    expect(busy, `${Math.round(quiet)} ms before`).toBeLessThan(Math.max(ANSWER_MS, 5 * quiet));
    expect(most.processes).toBeLessThanOrEqual(LIMITS.processes + 100);
    expect(most.memoryBytes).toBeLessThanOrEqual(1.5 * LIMITS.memoryBytes); // its processes are not looked at all at once

    await environment.taskEnded({ id: 'bomb', sessionId: 's' });
    expect(warnings.filter((message) => message.includes('could not'))).toEqual([]);
    await bomb;
    expect((await agent.exec('echo again; ls -A | wc -l', { timeoutMs: 20_000 })).stdout).toMatch(/^again\n/);
    await Promise.all([victim.stop(), other.stop()]);
    expect(useOf(uid).processes).toBe(0);
    expect(groupsNamed((group) => group.startsWith('hud-') && group.includes(`-${process.pid}.`))).toEqual([]);
  });
});
