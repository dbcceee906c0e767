import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, appendFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dial, track } from './fixture.ts';
import { startFileTracking } from './server.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a line that is added is told once', async () => {
  await using tracked = await track({ 'a.txt': 'x\n' });
  appendFileSync(join(tracked.root, 'a.txt'), 'y\n');
  const diff = await tracked.diff();
  expect(diff).toMatchObject({ files_scanned: 1, files_changed: 1 });
  expect(diff.patches).toEqual([
    {
      path: 'a.txt',
      status: 'modified',
      patch: '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n x\n+y',
      size_before: 2,
      size_after: 4,
      content_hash_before: sha256('x\n'),
      content_hash_after: sha256('x\ny\n'),
    },
  ]);
  expect(diff.snapshot_timestamp).toBeCloseTo(Date.now() / 1000, -1);
  expect(Math.round(diff.scan_duration_ms * 100) / 100).toBe(diff.scan_duration_ms);
  expect(await tracked.diff()).toMatchObject({ files_changed: 0, patches: [] });
});

test('what was there before `advance` is not told, and `setup` tells it', async () => {
  await using tracked = await track();
  tracked.write('made.txt', 'by set-up\n');
  expect(await tracked.call('advance')).toEqual({ advanced: true });
  expect(await tracked.diff()).toMatchObject({ files_changed: 0 });
  tracked.write('more.txt', 'by set-up\n');
  expect((await tracked.setup()).patches).toMatchObject([{ path: 'more.txt', status: 'added', size_before: 0, content_hash_before: null }]);
  expect(await tracked.diff()).toMatchObject({ files_changed: 0 });
});

test('the content of secrets is never told', async () => {
  await using tracked = await track({ '.env': 'KEY=old', 'keys/.ssh/config': 'Host old' });
  tracked.write('.env', 'KEY=verysecret');
  tracked.write('keys/.ssh/config', 'Host verysecret');
  const diff = await tracked.diff();
  expect(diff.patches.map(({ patch }) => patch).toSorted()).toEqual([
    'Secret file changed (content redacted): .env\n',
    'Secret file changed (content redacted): keys/.ssh/config\n',
  ]);
  expect(diff.patches[0]?.content_hash_after).toMatch(/^redacted:14:\d{19}$/);
  expect(JSON.stringify(await tracked.flush())).not.toContain('verysecret');
  expect((await tracked.snapshot()).files).toEqual([]);
  expect(diff.files_scanned).toBe(2);
});

test('what is excluded or ignored at the root is not there', async () => {
  await using tracked = await track({ '.gitignore': 'ignored.txt\n# no\n!kept.txt\n/build/\n', 'pkg/.gitignore': 'nested.txt\n' });
  for (const path of ['.git/config', 'node_modules/x', 'ignored.txt', 'deep/ignored.txt', 'deep/build/out', 'a.pyc'])
    tracked.write(path, 'x');
  tracked.write('pkg/nested.txt', 'x');
  tracked.write('kept.txt', 'x');
  expect((await tracked.diff()).patches.map(({ path }) => path).toSorted()).toEqual(['kept.txt', 'pkg/nested.txt']);
  tracked.write('.gitignore', 'kept.txt\n');
  tracked.write('kept.txt', 'y');
  expect((await tracked.diff()).patches.map(({ path }) => path).toSorted()).toEqual(['.gitignore', 'kept.txt']);
});

test('a new document comes whole with `flush`', async () => {
  await using tracked = await track();
  await tracked.call('advance');
  tracked.write('report.xlsx', 'hello world');
  const { diff, capture } = await tracked.flush();
  expect(diff.files_changed).toBe(1);
  expect(capture).toMatchObject({ files_eligible: 1, files_captured: 1, files_skipped: 0, files_changed: 1 });
  const [file] = capture.files;
  expect(Buffer.from(file?.file.data ?? '', 'base64').toString()).toBe('hello world');
  expect(file).toMatchObject({ path: 'report.xlsx', status: 'added', size: 11, content_hash: sha256('hello world') });
});

test('at most twenty documents and fifteen MiB of them are sent', async () => {
  await using tracked = await track();
  for (let i = 0; i < 22; i += 1) tracked.write(`p${String(i).padStart(2, '0')}.png`, `picture ${i}`);
  tracked.write('a-large.pdf', Buffer.alloc(5 * 1024 * 1024 + 1, 7));
  tracked.write('b-medium.pdf', Buffer.alloc(3 * 1024 * 1024, 7));
  const { capture } = await tracked.flush();
  expect(capture).toMatchObject({ files_eligible: 24, files_captured: 20, files_skipped: 4, truncated: true });
  expect(capture.files[0]).toMatchObject({ path: 'b-medium.pdf', size: 3 * 1024 * 1024 });
});

test('a request is answered only when its id is an integer, and done all the same', async () => {
  await using tracked = await track();
  tracked.write('a.txt', 'x');
  const peer = dial(tracked.port);
  peer.socket.write('{"jsonrpc":"2.0","method":"diff"}\n{"jsonrpc":"2.0","id":"a","method":"diff"}\n');
  const reply = await peer.exchange({ jsonrpc: '2.0', id: 7, method: 'diff' });
  expect(reply).toMatchObject({ jsonrpc: '2.0', id: 7, result: { files_changed: 0, files_scanned: 1 } });
  expect(await peer.exchange({ id: 8, method: 'nothing' })).toEqual({
    jsonrpc: '2.0',
    id: 8,
    error: { code: -32000, message: "unknown filetracking method: 'nothing'" },
  });
  peer.socket.destroy();
});

test.each([
  ['no JSON', 'nonsense\n'],
  ['longer than 64 KiB', `{"method":"${'x'.repeat(70_000)}"}\n`],
])('a line that is %s ends its connection and no other', async (_what, line) => {
  await using tracked = await track();
  const socket = connect({ port: tracked.port, host: '127.0.0.1' });
  socket.on('error', () => {}).resume();
  socket.write(line);
  await once(socket, 'close');
  expect(await tracked.diff()).toMatchObject({ files_changed: 0 });
});

test('a text without a last newline is shown as Python shows it', async () => {
  await using tracked = await track({ 'a.txt': 'one\ntwo' });
  tracked.write('a.txt', 'one\n2\n');
  expect((await tracked.diff()).patches[0]?.patch).toBe('--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2');
});

test('files without text that can be compared get a line that says why', async () => {
  await using tracked = await track({ 'crlf.txt': 'a\r\nb\r\n' });
  tracked.write('crlf.txt', 'a\nb\n');
  tracked.write('binary', Buffer.from([0xff, 0xfe, 1]));
  tracked.write('empty', '');
  tracked.write('large', Buffer.alloc(1024 * 1024 + 1, 0x61));
  tracked.write('huge', Buffer.alloc(10 * 1024 * 1024 + 1, 0x61));
  const { patches } = await tracked.diff();
  expect(Object.fromEntries(patches.map(({ path, patch }) => [path, patch]))).toEqual({
    empty: '',
    binary: 'Binary file changed: binary\n',
    'crlf.txt': '',
    large: 'File too large to diff (0 -> 1048577 bytes): large\n',
  });
  expect(patches.map(({ path }) => path)).toEqual(['empty', 'binary', 'crlf.txt', 'large']);
  expect(patches.at(-1)?.content_hash_after).toMatch(/^overlimit:1048577:\d{19}$/);
});

test('what does not fit into one answer comes with the next ones', async () => {
  await using tracked = await track();
  await tracked.call('advance');
  const line = `${'x'.repeat(99)}\n`;
  for (let i = 0; i < 56; i += 1) tracked.write(`f${i}.txt`, line.repeat(10_000));
  const first = await tracked.diff();
  expect(first).toMatchObject({ files_changed: 56, truncated: true });
  const second = await tracked.diff();
  expect(second.files_changed).toBe(56 - first.patches.length);
  const paths = [...first.patches, ...second.patches].map(({ path }) => path);
  expect(new Set(paths).size).toBe(56);
  expect(await tracked.diff()).toMatchObject({ files_changed: 0 });
}, 60_000);

test('folders that are moved, replaced or made links are followed', async () => {
  await using tracked = await track({ 'd/one.txt': '1\n', 'd/e/two.txt': '2\n', 'outside.txt': 'x\n' });
  renameSync(join(tracked.root, 'd'), join(tracked.root, 'moved'));
  const paths = async (): Promise<string[]> => (await tracked.diff()).patches.map(({ path, status }) => `${status} ${path}`).toSorted();
  expect(await paths()).toEqual(['added moved/e/two.txt', 'added moved/one.txt', 'deleted d/e/two.txt', 'deleted d/one.txt']);
  tracked.write('moved/e/two.txt', 'two\n');
  expect(await paths()).toEqual(['modified moved/e/two.txt']);
  rmSync(join(tracked.root, 'moved'), { recursive: true });
  symlinkSync(tmpdir(), join(tracked.root, 'moved'));
  expect(await paths()).toEqual(['deleted moved/e/two.txt', 'deleted moved/one.txt']);
  rmSync(join(tracked.root, 'moved'));
  tracked.write('moved/e/two.txt', 'again\n');
  expect(await paths()).toEqual(['added moved/e/two.txt']);
  renameSync(join(tracked.root, 'moved/e/two.txt'), join(tracked.root, 'outside.txt'));
  expect(await paths()).toEqual(['deleted moved/e/two.txt', 'modified outside.txt']);
});

test('a change that keeps size and time is seen', async () => {
  await using tracked = await track({ 'a.txt': 'aaaa\n' });
  const past = new Date(1_600_000_000_000);
  utimesSync(join(tracked.root, 'a.txt'), past, past);
  await tracked.diff();
  tracked.write('a.txt', 'bbbb\n');
  utimesSync(join(tracked.root, 'a.txt'), past, past);
  expect(await tracked.diff()).toMatchObject({ files_changed: 1 });
});

test('nothing is left behind, and a folder that is not there is an error', async () => {
  const ours = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('hud-files-'));
  const before = new Set(ours());
  const tracked = await track();
  const [directory = ''] = ours().filter((name) => !before.has(name));
  await tracked[Symbol.asyncDispose]();
  expect(existsSync(join(tmpdir(), directory))).toBe(false);
  await expect(startFileTracking({ root: '/nowhere/at/all', onWarning: () => {} })).rejects.toThrow(/nowhere/);
});

test('a root that is removed and made again is tracked on', async () => {
  await using tracked = await track({ 'a.txt': 'x\n' });
  rmSync(tracked.root, { recursive: true });
  expect((await tracked.diff()).patches).toMatchObject([{ path: 'a.txt', status: 'deleted' }]);
  tracked.write('b.txt', 'y\n');
  expect((await tracked.diff()).patches).toMatchObject([{ path: 'b.txt', status: 'added' }]);
  tracked.write('b.txt', 'z\n');
  expect((await tracked.diff()).patches).toMatchObject([{ path: 'b.txt', status: 'modified' }]);
});

test('five thousand files are tracked, and a flood of events hides no change', async () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 5_000; i += 1) files[`d${i % 100}/f${i}.txt`] = `line ${i}\n`;
  await using tracked = await track(files);
  expect((await tracked.snapshot()).files_scanned).toBe(5_000);
  // More events than the system's queue holds at a time.
  execFileSync('bash', ['-c', 'for i in $(seq 1 5); do touch d*/f*.txt; done; echo changed > d7/f4907.txt'], { cwd: tracked.root });
  expect((await tracked.diff()).patches.map(({ path }) => path)).toEqual(['d7/f4907.txt']);
}, 60_000);
