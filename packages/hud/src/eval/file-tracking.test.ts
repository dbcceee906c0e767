import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defineAgent, type Agent } from '../agents/agent.ts';
import { Run } from '../client/run.ts';
import { Trace, type FileReport } from '../client/trace.ts';
import { startFileTracking } from '../environment/file-tracking/server.ts';
import { Environment } from '../environment/index.ts';
import { nodeHost } from '../host/node.ts';
import type { Task } from '../protocol/task.ts';
import { LocalRuntime } from '../runtime/index.ts';
import { Leases, openStore } from '../store/index.ts';
import { filesSpan } from '../telemetry/index.ts';
import { tempDir } from '../testing/temp-dir.ts';
import { rollout } from './rollout.ts';

interface World extends AsyncDisposable {
  root: string;
  nextReport(): Promise<void>;
  /** Starts the task with this agent, to its end. */
  drive(agent: Agent, options?: { isRecorded?: boolean }): Promise<{ run: Run; reports: FileReport[] }>;
}

/** @param address of the tracker; without one the folder's own is started */
async function world(address?: string, params: Record<string, unknown> = { setup_diff: true }): Promise<World> {
  const directory = await tempDir();
  const root = directory.path;
  const env = new Environment('files');
  const tracking = address === undefined ? await startFileTracking({ root, onWarning: () => {} }) : undefined;
  const url = address ?? tracking?.url;
  if (url !== 'none') env.addCapability({ name: 'files', protocol: 'filetracking/1', url: url ?? '', params });
  const task: Task = env.template({ id: 'write' }, async function* () {
    writeFileSync(join(root, 'setup.txt'), 'by the task\n');
    yield 'write';
    yield 1;
  })();
  const provider = new LocalRuntime(env);
  let next = Promise.withResolvers<void>();
  return {
    root,
    nextReport: () => {
      next = Promise.withResolvers<void>();
      return next.promise;
    },
    drive: async (agent, { isRecorded = true } = {}) => {
      const reports: FileReport[] = [];
      const fileSink = (report: FileReport): void => {
        reports.push(report);
        next.resolve();
      };
      const run = new Run({ task, trace: new Trace(nodeHost.randomHex(16), isRecorded ? { fileSink } : {}) });
      const ended = await rollout(run, {
        agent,
        provider,
        host: nodeHost,
        interrupt: new AbortController(),
        leases: new Leases(undefined, nodeHost),
        rolloutTimeout: 60,
        patience: 10,
        upcoming: 0,
        onPhase: () => {},
      });
      expect(await ended.teardown).toEqual([]);
      return { run, reports };
    },
    [Symbol.asyncDispose]: async () => {
      await tracking?.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const kinds = (reports: readonly FileReport[]): string[] => reports.map(({ kind }) => kind);
const textOf = (reports: readonly FileReport[]): string => JSON.stringify(reports.map(({ payload }) => payload));
const tool = (run: Run): void =>
  void run.record({ source: 'tool', call: { id: 'c', name: 'bash', arguments: {} }, result: { content: [], isError: false } });

test('what the task, the agent and its documents did is recorded', async () => {
  await using made = await world();
  const agent = defineAgent(async () => {
    writeFileSync(join(made.root, 'a.txt'), 'hello\n');
    writeFileSync(join(made.root, 'report.pdf'), 'a document');
  });
  const { run, reports } = await made.drive(agent);
  expect(run.reward).toBe(1);
  expect(kinds(reports)).toEqual(['setup', 'snapshot', 'diff', 'capture']);
  expect(reports[0]?.payload).toMatchObject({ patches: [{ path: 'setup.txt', status: 'added' }] });
  expect(reports[2]?.payload).toMatchObject({ files_changed: 2 });
  expect(reports[3]?.payload).toMatchObject({ files: [{ path: 'report.pdf', file: { media_type: 'application/pdf' } }] });
});

test('changes are told step by step', async () => {
  await using made = await world();
  const reports: FileReport[] = [];
  const agent = defineAgent(async (run) => {
    for (const name of ['one.txt', 'two.txt']) {
      writeFileSync(join(made.root, name), name);
      const told = made.nextReport();
      tool(run);
      await told;
    }
  });
  reports.push(...(await made.drive(agent)).reports);
  const diffs = reports.filter(({ kind }) => kind === 'diff');
  expect(diffs.map(({ payload, stepId }) => [(payload.patches as { path: string }[]).map(({ path }) => path), stepId])).toEqual([
    [['one.txt'], 3],
    [['two.txt'], 4],
  ]);
});

test('an older server is told to begin, and a secret stays one', async () => {
  await using made = await world(undefined, {});
  const agent = defineAgent(async () => appendFileSync(join(made.root, '.env'), 'KEY=verysecret'));
  const { reports } = await made.drive(agent);
  expect(kinds(reports)).toEqual(['snapshot', 'diff']);
  expect(textOf(reports)).toContain('redacted:');
  expect(textOf(reports)).not.toContain('verysecret');
});

test('without the capability, or where nobody records, there is nothing', async () => {
  await using without = await world('none');
  const idle = defineAgent(async () => {});
  expect((await without.drive(idle)).reports).toEqual([]);
  await using unrecorded = await world();
  const { run } = await unrecorded.drive(idle, { isRecorded: false });
  expect(run.reward).toBe(1);
  expect(run.trace.extra).toEqual({});
});

test('a tracker that refuses connections leaves the run as it is', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  await using made = await world(`tcp://127.0.0.1:${port}`);
  const { run, reports } = await made.drive(defineAgent(async () => {}));
  expect(run).toMatchObject({ class: 'graded', reward: 1 });
  expect(reports).toEqual([]);
  expect(run.trace.extra.file_tracking).toMatch(/^not tracked: /);
});

test('sixty MiB of changes come in several parts', async () => {
  await using made = await world();
  const line = `${'x'.repeat(99)}\n`;
  const agent = defineAgent(async (run) => {
    for (let i = 0; i < 60; i += 1) writeFileSync(join(made.root, `f${i}.txt`), line.repeat(10_400));
    const told = made.nextReport();
    tool(run);
    await told;
  });
  const { reports } = await made.drive(agent);
  const diffs = reports.filter(({ kind }) => kind === 'diff').map(({ payload }) => payload);
  expect(diffs[0]).toMatchObject({ files_changed: 60, truncated: true });
  const paths = diffs.flatMap(({ patches }) => (patches as { path: string }[]).map(({ path }) => path));
  expect(new Set(paths).size).toBe(60);
}, 60_000);

test('a report is kept as a span of its own schema', async () => {
  await using directory = await tempDir();
  await using store = await openStore({ directory: directory.path });
  const traceId = nodeHost.randomHex(16);
  const now = '2026-08-21T10:00:00.125Z';
  store.appendSpan(
    filesSpan({ kind: 'diff', payload: { files_changed: 1 }, startedAt: now, endedAt: now, stepId: 3 }, { traceId }, nodeHost),
  );
  await store.flush();
  expect((await store.listSpans(traceId)).items).toMatchObject([
    {
      name: 'filetracking.diff',
      traceId,
      startTime: '2026-08-21T10:00:00.125000Z',
      statusCode: 'OK',
      attributes: {
        'hud.schema': 'hud.filetracking.v1',
        'hud.task_run_id': traceId,
        'hud.step_id': 3,
        'hud.payload': { files_changed: 1 },
      },
    },
  ]);
});
