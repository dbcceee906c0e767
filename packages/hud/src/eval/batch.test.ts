import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Agent } from '../agents/agent.ts';
import { startFileTracking } from '../environment/file-tracking/server.ts';
import { Environment } from '../environment/index.ts';
import { LocalRuntime } from '../runtime/index.ts';
import { openStore, readReference } from '../store/index.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { Taskset } from './taskset.ts';

test('what an agent did to files is in the record beside its steps, and the same screenshot and document once on the disk', async () => {
  await using directory = await tempDir();
  const root = join(directory.path, 'work');
  mkdirSync(root);
  const tracking = await startFileTracking({ root, onWarning: () => {} });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => await tracking.close());
  const env = new Environment('files');
  env.addCapability({ name: 'files', protocol: 'filetracking/1', url: tracking.url, params: {} });
  const task = env.template({ id: 'write' }, async function* () {
    yield 'write';
    yield 1;
  })();
  const bytes = Buffer.alloc(10_000, 'seen and kept');
  const agent: Agent = {
    name: 'writer',
    run: async (run) => {
      writeFileSync(join(root, 'report.pdf'), bytes);
      const call = { id: 'c', name: 'look', arguments: {} };
      const content = [{ type: 'image', data: bytes.toString('base64'), mimeType: 'image/png' }];
      for (let n = 0; n < 3; n++) run.record({ source: 'tool', call, result: { content } });
      await Promise.resolve();
    },
  };
  await using store = await openStore({ directory: directory.path });
  const job = await new Taskset('files', [task]).run(agent, { runtime: new LocalRuntime(env), store });
  const traceId = job.runs[0]?.traceId ?? '';
  const kept = (await store.listSpans(traceId, { blobs: 'reference' })).items;
  expect(kept.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['filetracking.snapshot', 'filetracking.diff', 'filetracking.capture']),
  );
  const references = JSON.stringify(kept).match(/hud-blob:[^"]*/g) ?? [];
  expect(references.length).toBe(4);
  expect(new Set(references.map((text) => readReference(text)?.sha256)).size).toBe(1);
  expect((await store.listSpans(traceId)).items.at(-2)?.name).toBe('filetracking.capture');
});
