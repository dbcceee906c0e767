import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSandbox } from './bwrap.ts';
import { probeIsolation } from './probe.ts';
import { runIn, sandboxPlace, textOf } from './sandbox.fixtures.ts';
import type { SandboxSpec } from './sandbox.ts';

const probe = await probeIsolation();
const isRoot = process.getuid?.() === 0;
const NOT_ROOT = isRoot ? undefined : 'only root does this';
const UNKNOWN_CALLS = process.arch === 'x64' ? undefined : 'the numbers below are those of x64';
const reason = probe.available ? undefined : probe.reason;
async function opened(changes: Partial<SandboxSpec> = {}) {
  const place = await sandboxPlace(changes);
  const sandbox = await openSandbox(place.spec);
  return {
    place,
    sandbox,
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(reason)('a sandbox', () => {
  test('a command has its outputs apart, its folder, its own exit code and exactly the environment it was given', async () => {
    await using world = await opened({ env: { PATH: '/usr/bin:/bin', GREETING: "it's\nhere", 'odd.name': 'x', HUD_CUSTOM: '' } });
    process.env.HUD_API_KEY = 'secret';
    const { stdout, stderr, status } = await runIn(world.sandbox, 'pwd; env -0 | sort -z; echo bad >&2; exit 3', { env: { MORE: '1' } });
    delete process.env.HUD_API_KEY;
    expect({ stderr, status }).toEqual({ stderr: 'bad\n', status: { code: 3 } });
    const [first, ...rest] = stdout.split(/\n(.*)/s);
    expect(first).toBe('/workspace');
    const variables = Object.fromEntries((rest[0] ?? '').split('\0').flatMap((line) => (line === '' ? [] : [line.split(/=(.*)/s)])));
    expect(variables).toMatchObject({ GREETING: "it's\nhere", 'odd.name': 'x', HUD_CUSTOM: '', MORE: '1' });
    expect(Object.keys(variables).toSorted()).toEqual(['GREETING', 'HUD_CUSTOM', 'MORE', 'PATH', 'PWD', 'SHLVL', '_', 'odd.name']);
  });

  test.each([
    { command: 'kill -9 $$', status: { signal: 'SIGKILL' } },
    { command: 'kill -TERM $$', status: { signal: 'SIGTERM' } },
    { command: 'kill -INT $$', status: { signal: 'SIGINT' } },
    { command: 'kill -SEGV $$', status: { signal: 'SIGSEGV' } },
    { command: 'exit 137', status: { code: 137 } },
    { command: 'exit 143', status: { code: 143 } },
    { command: 'sh -c "kill -9 \\$\\$"; exit $?', status: { code: 137 } },
    { command: 'exit 0', status: { code: 0 } },
  ])('`$command` ends as $status', async ({ command, status }) => {
    await using world = await opened();
    expect((await runIn(world.sandbox, command)).status).toEqual(status);
  });

  test('a folder that is missing, a NUL and a very long command are told or served, each as it should be', async () => {
    await using world = await opened();
    const missing = await runIn(world.sandbox, 'pwd', { cwd: '/no where' });
    expect(missing).toMatchObject({ status: { code: 1 }, stderr: 'workspace: cannot prepare shell: no folder /no where\n', stdout: '' });
    await expect(world.sandbox.spawn({ command: 'a\0b' })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    const long = `echo '${'x'.repeat(300_000)}' | wc -c; exit 7`;
    expect(await runIn(world.sandbox, long)).toMatchObject({ stdout: '300001\n', status: { code: 7 } });
  });

  test('a root or a mount that is missing is told before anything starts', async () => {
    await using place = await sandboxPlace({ mounts: [{ kind: 'ro', src: '/no/such', dst: '/data' }] });
    await expect(openSandbox(place.spec)).rejects.toMatchObject({ code: 'BAD_ARGUMENT', message: expect.stringContaining('/no/such') });
    expect(readdirSync(place.spec.directory)).toEqual([]);
  });

  test('fifty megabytes go in and come back unchanged', async () => {
    await using world = await opened();
    const sent = randomBytes(50 * 2 ** 20);
    const running = await world.sandbox.spawn({ command: 'cat' });
    running.stdin.end(sent);
    const hash = createHash('sha256');
    for await (const piece of running.stdout) hash.update(piece as Uint8Array);
    expect(await running.exited).toEqual({ code: 0 });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
  });

  test('the end of the input arrives, also for what opens it by name afterwards', async () => {
    await using world = await opened();
    expect(await runIn(world.sandbox, 'cat; echo over', { stdin: 'in' })).toMatchObject({ stdout: 'inover\n' });
    expect(await runIn(world.sandbox, 'cat >/dev/null; sleep 0.1; cat /dev/stdin; echo over')).toMatchObject({ stdout: 'over\n' });
  });

  test('writing to a command that closed its input harms nobody', async () => {
    await using world = await opened();
    const running = await world.sandbox.spawn({ command: 'exec <&-; echo closed; read -t 5 line; sleep 0.2; echo end' });
    const output = textOf(running.stdout);
    for (let n = 0; n < 20; n++) running.stdin.write(Buffer.alloc(64 * 1024));
    expect(await running.exited).toEqual({ code: 0 });
    expect(await output).toBe('closed\nend\n');
  });

  test('what runs in the background is seen by later commands, and ends with the sandbox', async () => {
    const world = await opened();
    const mark = `${90_000 + Math.floor(Math.random() * 9_000)}.5`;
    const first = await world.sandbox.spawn({ command: `trap '' TERM HUP INT; sleep ${mark} & echo $!` });
    expect(await first.exited).toEqual({ code: 0 }); // although its output is held open
    first.release();
    const [pid = ''] = (await runIn(world.sandbox, `pgrep -f 'sleep ${mark}'`)).stdout.split('\n');
    expect(await runIn(world.sandbox, `kill -0 ${pid} && echo alive`)).toMatchObject({ stdout: 'alive\n' });
    expect(hostProcesses(mark)).toHaveLength(1);
    await world[Symbol.asyncDispose]();
    expect(hostProcesses(mark)).toEqual([]);
  });

  test('terminating ends a group that ignores TERM, and no other', async () => {
    await using world = await opened();
    const other = await world.sandbox.spawn({ command: 'sleep 300' });
    const deaf = await world.sandbox.spawn({ command: "trap '' TERM; echo up; sleep 300; sleep 300" });
    await new Promise((resolve) => deaf.stdout.once('data', resolve));
    const started = performance.now();
    await Promise.all([deaf.terminate(), deaf.terminate()]);
    expect(await deaf.exited).toEqual({ signal: 'SIGKILL' });
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await runIn(world.sandbox, 'pgrep -c sleep')).toMatchObject({ stdout: '1\n' });
    other.signal('SIGINT'); // not ignored, as it is in most background jobs
    expect(await other.exited).toEqual({ signal: 'SIGINT' });
  });

  test('forty commands at once each get their own answer', async () => {
    await using world = await opened();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => runIn(world.sandbox, `cat; echo ${n}; exit ${n}`, { stdin: `in ${n} ` })),
    );
    expect(answers).toEqual(Array.from({ length: 40 }, (_, n) => ({ stdout: `in ${n} ${n}\n`, stderr: '', status: { code: n } })));
  });

  test('five hundred commands leave no descriptor, no pipe and no process behind', { timeout: 60_000 }, async () => {
    await using world = await opened();
    await runIn(world.sandbox, 'true');
    const before = readdirSync('/proc/self/fd').length;
    for (let n = 0; n < 500; n++) await runIn(world.sandbox, 'true');
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
    const left = readdirSync(join(world.place.spec.directory, 'control')).filter((name) => !/\.(in|out|err)$|^bash$/.test(name));
    expect(left).toEqual([]);
    expect((await runIn(world.sandbox, 'ls /proc | grep -c "^[0-9]"')).stdout).toBe('4\n'); // the first, this shell, its pipeline
  });

  test('a terminal has the size that was asked for, is resized, and echoes what is typed', async () => {
    await using world = await opened();
    const running = await world.sandbox.spawn({ command: undefined, pty: { term: 'xterm-256color', cols: 120, rows: 40 } });
    let shown = '';
    running.stdout.on('data', (piece: Buffer) => (shown += piece.toString()));
    running.stdin.write('echo "$TERM:$(tput cols)x$(tput lines)"; test -t 1 && echo "is"-tty\n');
    await expect.poll(() => shown, { timeout: 5_000 }).toMatch(/xterm-256color:120x40\r\nis-tty/);
    running.resize({ cols: 90, rows: 20 });
    await expect.poll(async () => (await runIn(world.sandbox, 'stty -F /dev/pts/0 size')).stdout, { timeout: 5_000 }).toBe('20 90\n');
    running.stdin.write('echo "now $(tput cols)"; exit 5\n');
    expect(await running.exited).toEqual({ code: 5 });
    await expect.poll(() => shown).toContain('now 90');
    expect(shown).toContain('exit 5');
    expect(await textOf(running.stderr)).toBe('');
  });

  test('terminating a terminal ends its shell and the program in its foreground', async () => {
    await using world = await opened();
    const running = await world.sandbox.spawn({
      command: "trap '' TERM HUP; echo up; sleep 300",
      pty: { term: 'vt100', cols: 80, rows: 24 },
    });
    await new Promise((resolve) => running.stdout.once('data', resolve));
    await running.terminate();
    await expect.poll(async () => (await runIn(world.sandbox, 'pgrep -c sleep')).stdout, { timeout: 3_000 }).toBe('0\n');
  });

  test('only what is mounted is there, only the root can be written to, and it shows on this machine', async () => {
    await using world = await opened();
    writeFileSync(join(world.place.spec.directory, 'key'), 'secret');
    const { stdout } = await runIn(
      world.sandbox,
      'ls /; echo hello >made; touch /usr/x /etc/x /x /run/x /dev/x /run/hud/x; ls /home /root /var /sys',
    );
    expect(stdout.split('\n').filter(Boolean).toSorted()).toEqual([
      'bin',
      'dev',
      'etc',
      'lib',
      'lib64',
      'proc',
      'run',
      'sbin',
      'tmp',
      'usr',
      'workspace',
    ]);
    expect(readFileSync(join(world.place.spec.root, 'made'), 'utf8')).toBe('hello\n');
    expect(statSync(join(world.place.spec.root, 'made')).uid).toBe(world.sandbox.level.uid);
    if (isRoot) expect(world.sandbox.level.uid).toBeGreaterThan(65_536);
    expect(world.sandbox.changes).toEqual({ path: world.place.spec.root, isOverlay: false });
  });

  test('nothing is inherited: no descriptor, no capability, no network, no way to more rights', async () => {
    await using world = await opened();
    const script =
      'ls /proc/self/fd | tr "\\n" " "; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; cat /proc/net/dev | grep -c :';
    const { stdout } = await runIn(world.sandbox, script);
    expect(stdout.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim())).toEqual([
      '0 1 2 3 CapEff: 0000000000000000', // 3 is the listing itself
      'CapBnd: 0000000000000000',
      'NoNewPrivs: 1',
      'Seccomp: 2',
      '1',
      '',
    ]);
    const nested = await runIn(world.sandbox, 'unshare -Ur true && echo nested; setpriv --reuid 0 true && echo root; echo tried');
    expect(nested.stdout).toBe('tried\n');
  });

  test('the first process can be neither ended, nor stopped, nor read, and no pipe of another command be listed', async () => {
    await using world = await opened();
    const script =
      'for s in $(seq 1 64); do kill -$s 1 2>/dev/null; done; cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; echo x >/proc/1/mem';
    const attack = await runIn(world.sandbox, script);
    expect(attack.stdout).toBe('');
    expect(attack.stderr.match(/Permission denied/g)?.length).toBeGreaterThanOrEqual(4);
    expect(await runIn(world.sandbox, 'echo fine')).toMatchObject({ stdout: 'fine\n' });
    if (isRoot) expect((await runIn(world.sandbox, 'ls /run/hud')).stdout).toBe('');
  });

  const CALLS: Record<string, string> = {
    ptrace: '101, 0, 0, 0, 0',
    keyctl: '250, 0, 0, 0, 0, 0',
    unshare: '272, 0x10000000',
    mount: '165, 0, 0, 0, 0, 0',
    bpf: '321, 0, 0, 0',
    io_uring_setup: '425, 1, 0',
    'clone(CLONE_NEWUSER)': '56, 0x10000011, 0, 0, 0, 0',
    TIOCSTI: '16, 0, 0x5412, 0',
    personality: '135, 0x0040000',
  };
  test.skipIf(UNKNOWN_CALLS)('the kernel refuses what the filter names', async () => {
    await using world = await opened();
    const script = Object.entries(CALLS).map(([name, args]) => `my $r = syscall(${args}); print "${name} $r ", $!+0, "\\n";`);
    const { stdout } = await runIn(world.sandbox, `perl -e '${script.join(' ').replaceAll('my $r', '$r')}'`);
    expect(stdout.trim().split('\n')).toEqual(Object.keys(CALLS).map((name) => `${name} -1 1`));
    const families = 'for (1, 2, 10, 16, 17, 38, 40) { print socket(my $s, $_, 3, 0) || socket($s, $_, 1, 0) ? "y" : "n" }';
    expect((await runIn(world.sandbox, `perl -e '${families}'`)).stdout).toBe('yyyynnn');
  });

  test('a fork bomb meets its limit, can be ended, and other commands run again', async () => {
    await using world = await opened({ limits: { processes: 60 } });
    const bomb = await world.sandbox.spawn({ command: 'bomb() { while :; do sleep 301.5 & done; }; bomb' });
    bomb.stderr.resume();
    await expect.poll(() => hostProcesses('301.5').length, { timeout: 10_000 }).toBeGreaterThan(50);
    expect(hostProcesses('301.5').length).toBeLessThanOrEqual(60);
    await bomb.terminate();
    bomb.release();
    await expect.poll(() => hostProcesses('301.5').length, { timeout: 5_000 }).toBe(0);
    expect(await runIn(world.sandbox, 'echo "$(echo again)"')).toMatchObject({ stdout: 'again\n' });
  });

  test('a memory bomb is killed, and the sandbox lives on', async (context) => {
    await using world = await opened({ limits: { memoryBytes: 64 * 2 ** 20 } });
    context.skip(world.sandbox.level.limits.memory === 'none', 'no control group limits memory here');
    const bomb = await runIn(world.sandbox, `perl -e 'my @a; push @a, "x" x 1048576 for 1..4096; print "big"'`);
    expect([bomb.status, bomb.stdout]).toEqual([{ signal: 'SIGKILL' }, '']);
    expect(await runIn(world.sandbox, 'echo still; df -k /tmp | tail -1')).toMatchObject({
      stdout: expect.stringMatching(/^still\ntmpfs +32768 /),
    });
  });

  test('one file can be no larger than the limit on the disk, and many files end the sandbox', async () => {
    const limit = 32 * 2 ** 20;
    await using world = await opened({ limits: { diskBytes: limit } });
    const one = await runIn(world.sandbox, 'head -c 64M /dev/zero >big; echo $?; stat -c %s big; rm big');
    expect(one.stdout).toBe(`153\n${limit}\n`);
    const many = await world.sandbox.spawn({ command: 'for n in $(seq 1 200); do head -c 16M /dev/zero >file$n; sleep 0.02; done' });
    expect(await world.sandbox.lost).toContain(`more than ${limit} bytes`);
    expect(await many.exited).toEqual({ code: 255 });
    await expect(world.sandbox.spawn({ command: 'true' })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('commands that are asked for while the sandbox closes are refused or end with 255; none hangs', async () => {
    await using world = await opened();
    const asked = Array.from({ length: 20 }, async () => {
      try {
        return (await runIn(world.sandbox, 'sleep 300')).status;
      } catch (error) {
        return error;
      }
    });
    await new Promise((resolve) => setImmediate(resolve));
    await world.sandbox.close();
    for (const outcome of await Promise.all(asked)) {
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'CAPABILITY_FAILED' });
      else expect(outcome).toEqual({ code: 255 });
    }
  });

  test('files that were removed and are kept open count as well', async () => {
    await using world = await opened({ limits: { diskBytes: 32 * 2 ** 20 } });
    const hidden = 'for n in $(seq 3 30); do eval "exec $n>f; rm f; head -c 16M /dev/zero >&$n"; sleep 0.1; done; sleep 300';
    const running = await world.sandbox.spawn({ command: hidden });
    expect(await world.sandbox.lost).toContain('more than');
    expect(await running.exited).toEqual({ code: 255 });
  });

  test('a sandbox whose first process is ended from outside tells so, and its commands end with 255', async () => {
    await using world = await opened();
    const running = await world.sandbox.spawn({ command: 'sleep 300' });
    process.kill(world.sandbox.pid as number, 'SIGKILL');
    expect(await world.sandbox.lost).toContain('first process');
    expect(await running.exited).toEqual({ code: 255 });
    await expect(world.sandbox.spawn({ command: 'true' })).rejects.toThrow('first process');
    await world.sandbox.close();
    await world.sandbox.close();
  });

  test.skipIf(NOT_ROOT)('with an overlay all writes land beside the root, which stays as it is', async () => {
    await using place = await sandboxPlace({ overlay: true });
    writeFileSync(join(place.spec.root, 'old'), 'old');
    writeFileSync(join(place.spec.root, 'gone'), 'gone');
    await using sandbox = await openSandbox(place.spec);
    expect((await runIn(sandbox, 'echo new >old2; rm gone; cat old; ls')).stdout).toBe('oldold\nold2\n');
    expect(readdirSync(place.spec.root).toSorted()).toEqual(['gone', 'old']);
    expect(sandbox.changes.isOverlay).toBe(true);
    expect(readdirSync(sandbox.changes.path).toSorted()).toEqual(['gone', 'old2']);
    expect(statSync(join(sandbox.changes.path, 'gone')).isCharacterDevice()).toBe(true);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(place.spec.directory);
    await sandbox.close();
    await using again = await openSandbox(place.spec);
    expect((await runIn(again, 'ls')).stdout).toBe('old\nold2\n');
  });

  test.skipIf(NOT_ROOT)('a root and mounts below a folder that only root may enter are served all the same', async () => {
    await using outer = await sandboxPlace();
    const secret = join(outer.spec.directory, 'private, with: blanks');
    for (const name of ['root', 'private', 'data']) await mkdir(join(secret, name), { recursive: true });
    writeFileSync(join(secret, 'data', 'file'), 'shown');
    await using place = await sandboxPlace({
      root: join(secret, 'root'),
      directory: join(secret, 'private'),
      mounts: [
        { kind: 'ro', src: join(secret, 'data'), dst: '/data' },
        { kind: 'ro', src: join(secret, 'data', 'file'), dst: '/one' },
        { kind: 'ro', src: '/no/such', dst: '/none', optional: true },
      ],
    });
    chmodSync(outer.spec.directory, 0o700);
    await using sandbox = await openSandbox(place.spec);
    expect((await runIn(sandbox, 'cat /data/file /one; ls /none; pwd')).stdout).toBe('shownshown/workspace\n');
  });
});

function hostProcesses(mark: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').startsWith(`sleep\0${mark}`);
    } catch {
      return false; // it ended meanwhile
    }
  });
}
