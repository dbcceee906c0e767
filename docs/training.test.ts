/** What docs/training.md shows is what is in the repository, and runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { tempDir } from '../packages/hud/src/testing/temp-dir.ts';
import { testPlatform } from '../packages/platform/test/registry.fixtures.ts';

const ROOT = join(import.meta.dirname, '..');
const BLOCK = /```ts\n\/\/ (\S+)\n([^]*?)```/g;

test('each program of the page is the file that it names', async () => {
  const page = await readFile(join(import.meta.dirname, 'training.md'), 'utf8');
  const blocks = [...page.matchAll(BLOCK)];
  expect(blocks.length).toBeGreaterThan(0);
  for (const [, path = '', code] of blocks) expect(code).toBe(await readFile(join(ROOT, path), 'utf8'));
});

test('the loop of the page makes a checkpoint of each step', { timeout: 120_000 }, async () => {
  await using on = await testPlatform();
  await using dir = await tempDir('hud-loop-');
  const base = ((await on.call('GET', '/v2/models')).json as { items: { id: string; name: string }[] }).items.find(
    ({ name }) => name === 'tiny-chat',
  );
  const fork = (await on.call('POST', '/v2/models/fork', { source_model_id: base?.id, name: 'mine' })).json as { id: string };
  const env = { PATH: process.env.PATH, HOME: dir.path, HUD_BASE_URL: on.url, HUD_API_KEY: on.keys[0] };
  const loop = join(ROOT, 'examples', 'largest-digit', 'loop.ts');
  const child = spawn(process.execPath, [loop, 'mine', '2'], { cwd: dir.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  expect({ code, stdout }, stderr).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^1  mean reward 0\.\d\d\n2  mean reward 0\.\d\d\n$/),
  });
  expect((await on.call('GET', `/v2/models/${fork.id}/checkpoints`)).json).toMatchObject([
    { name: 'step-1' },
    { name: 'step-2', is_active: true },
  ]);
});
