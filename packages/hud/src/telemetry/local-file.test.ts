import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { nodeHost } from '../host/node.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { localFiles } from './local-file.ts';
import { spanStep, stepSpan } from './span.ts';
import { decode } from '../protocol/codec.ts';
import { Span } from '../protocol/trace.ts';

afterEach(() => void vi.unstubAllEnvs());

const spanOf = (runId: string): Span => stepSpan({ source: 'agent', content: 'hé' }, { traceId: runId, runId }, nodeHost);

test('F1, F2: one line a step, in the file of its trace, in a folder that is made', async () => {
  await using dir = await tempDir();
  vi.stubEnv('HUD_TELEMETRY_LOCAL_DIR', join(dir.path, 'a/b'));
  const write = localFiles();
  write?.(spanOf('run-1'));
  write?.(spanOf('run-1'));
  const text = await readFile(join(dir.path, 'a/b/a1512d2b077d52699e52b7122739c297.jsonl'), 'utf8');
  const spans = text
    .trimEnd()
    .split('\n')
    .map((line) => decode(Span, JSON.parse(line)));
  expect(spans.map((span) => spanStep(span))).toMatchObject([{ content: 'hé' }, { content: 'hé' }]);
  expect(text).toContain('hé');
});

test('F3: a folder that cannot be made disturbs nobody', async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, 'file'), '');
  vi.stubEnv('HUD_TELEMETRY_LOCAL_DIR', join(dir.path, 'file/below'));
  expect(() => localFiles()?.(spanOf('run-1'))).not.toThrow();
});

test('F4: a span without a run has no file', async () => {
  await using dir = await tempDir();
  vi.stubEnv('HUD_TELEMETRY_LOCAL_DIR', dir.path);
  localFiles()?.({ ...spanOf('run-1'), attributes: {} });
  expect(await readdir(dir.path)).toEqual([]);
});

test('without the setting there is nothing to write to', () => {
  vi.stubEnv('HUD_TELEMETRY_LOCAL_DIR', '');
  expect(localFiles()).toBeUndefined();
});
