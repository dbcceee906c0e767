import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { endedJob, requestFiles } from './spawner.ts';
import { mountArguments, mountSources, sourceOf } from './mounts.ts';

test.each([
  { line: '[1]+ 11559 Killed                  run "$name"', ended: { pid: 11559, status: { signal: 'SIGKILL' } } },
  { line: '[2]- 7 Exit 137                run "$name"', ended: { pid: 7, status: { code: 137 } } },
  { line: '[3]  8 Done                    run "$name"', ended: { pid: 8, status: { code: 0 } } },
  { line: '[10]+   9 Segmentation fault      (core dumped) run "$name"', ended: { pid: 9, status: { signal: 'SIGSEGV' } } },
  { line: '[4]+ 10 Real-time signal 3      run "$name"', ended: { pid: 10, status: { code: 255 } } },
  { line: '[5]+ 11 Running                 run "$name" &', ended: undefined },
  { line: '[6]+ 12 Stopped (signal)        run "$name"', ended: undefined },
  { line: 'Exit 3', ended: undefined },
])("'$line' of bash's table of jobs is read", ({ line, ended }) => {
  expect(endedJob(line)).toEqual(ended);
});

test('whatever stands in a command, its folder or its environment, the script of a request is sound', () => {
  const nasty = `'; exit 9 #"$(exit 8)\`exit 7\`\\\n é`;
  const context = { env: { PATH: nasty, A: nasty, 'b.c': nasty }, cwd: nasty, processes: 10, shell: '/bin/bash' };
  for (const pty of [undefined, { term: nasty, cols: 80, rows: 24 }]) {
    const files = requestFiles('name', { command: nasty.repeat(9_000), ...(pty === undefined ? {} : { pty }) }, context);
    expect(Object.keys(files).toSorted()).toEqual(pty === undefined ? ['', '.long'] : ['', '.long', '.tty']);
    for (const ending of Object.keys(files).filter((ending) => ending !== '.long')) {
      execFileSync('bash', ['-n'], { input: files[ending] ?? '' });
    }
  }
});

describe('mounts', () => {
  const spec = {
    root: '/srv/work',
    guestPath: '/workspace',
    systemMounts: [
      { kind: 'ro', src: '/usr', dst: '/usr' },
      { kind: 'symlink', src: 'usr/bin', dst: '/bin' },
    ],
    mounts: [
      { kind: 'rw', src: '/data', dst: '/workspace/data' },
      { kind: 'ro', src: '/no/such', dst: '/none', optional: true },
    ],
  } as const;

  test('come in order: the system, then what no sandbox is without, the root, the caller, and last the control folder', () => {
    const all = mountArguments({ spec, control: '/c', tmpfsBytes: 4096, staged: new Map([['/data', '/sys/1']]) }).join(' ');
    expect(all).toBe(
      '--ro-bind /usr /usr --symlink usr/bin /bin --proc /proc --dev /dev --perms 1777 --size 4096 --tmpfs /dev/shm ' +
        '--perms 1777 --size 4096 --tmpfs /tmp --bind /srv/work /workspace --bind /sys/1 /workspace/data ' +
        '--ro-bind-try /no/such /none --ro-bind /c /run/hud --remount-ro /dev --remount-ro /',
    );
    expect(mountSources(spec)).toEqual(['/usr', '/srv/work', '/data']);
  });

  test.skipIf(process.platform !== 'linux')('tell which file of this machine a path is inside', () => {
    expect(sourceOf('/bin/sh', spec)).toMatch(/^\/usr\/bin\/(sh|dash|bash|busybox)$/);
    expect(sourceOf('/bin/no-such-program', spec)).toBeUndefined();
    expect(sourceOf('/etc/passwd', spec)).toBeUndefined();
  });
});
