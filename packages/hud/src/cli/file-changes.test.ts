import { expect, test } from 'vitest';
import { nodeHost } from '../host/node.ts';
import type { JsonObject } from '../protocol/json.ts';
import { filesSpan, stepSpan, FILES_SCHEMA } from '../telemetry/index.ts';
import { filesText } from './file-changes.ts';
import type { Terminal } from './terminal/terminal.ts';

const plain = (text: string): string => text;
const terminal = { dim: plain, bold: plain, red: plain, yellow: plain } as Terminal;
const moment = '2026-01-01T00:00:00.000Z';
const trace = { traceId: '03dd2a73d3df4d10a54ae3d87c2d530d' };
const textOf = (kind: 'setup' | 'snapshot' | 'diff' | 'capture', payload: JsonObject): string[] | undefined =>
  filesText(filesSpan({ kind, payload, startedAt: moment, endedAt: moment }, trace, nodeHost), terminal);

test('each changed file is a line with what came and went, or its size where there is no text to compare', () => {
  const patches = [
    { path: 'src/a.ts', status: 'modified', patch: '--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,2 +1,3 @@\n-old\n+new\n+++ more\n same\n' },
    { path: 'logo.png', status: 'added', patch: 'Binary file', size_before: 0, size_after: 1200 },
    { path: 'gone.bin', status: 'deleted', patch: 'Binary file', size_before: 1, size_after: 0 },
    { path: 'a\u001b[2J\nb', status: 'added', patch: '@@ -0,0 +1 @@\n+x' },
  ];
  expect(textOf('diff', { patches })).toEqual([
    '── files changed',
    '  M src/a.ts +2 -1',
    '  A logo.png 1200 bytes',
    '  D gone.bin 1 byte',
    '  A a\\x1b[2J b +1 -0',
  ]);
  expect(textOf('setup', { patches: [] })).toEqual([]);
});

test('more than twenty files are cut, and what the environment left out is said', () => {
  const patches = Array.from({ length: 23 }, (_, n) => ({ path: `f${n}`, status: 'added', patch: '@@\n+x' }));
  const lines = textOf('setup', { patches, truncated: true });
  expect(lines).toHaveLength(23);
  expect(lines?.slice(-2)).toEqual(['  and 3 more', '  and what was too much to record']);
});

test('documents that were kept are listed with type and size, a snapshot by its count', () => {
  const files = [
    { path: 'report.pdf', size: 12, content_type: 'application/pdf', status: 'added', file: { type: 'file' } },
    { path: 'page.html', size: 9e6, content_type: 'text/html', status: 'modified' },
  ];
  expect(textOf('capture', { files, files_skipped: 1 })).toEqual([
    '── files kept',
    '  A report.pdf application/pdf, 12 bytes',
    '  M page.html text/html, 9000000 bytes',
    '  and 1 document too large to keep',
  ]);
  expect(textOf('snapshot', { files: [{ path: 'a' }] })).toEqual(['── files', '  1 file before the agent']);
});

test('spans that tell of no files are left to others', () => {
  expect(filesText(stepSpan({ source: 'user' }, trace, nodeHost), terminal)).toBeUndefined();
  const span = filesSpan({ kind: 'diff', payload: {}, startedAt: moment, endedAt: moment }, trace, nodeHost);
  expect(filesText({ ...span, attributes: { 'hud.schema': FILES_SCHEMA, 'hud.payload': 'x' } }, terminal)).toBeUndefined();
});
