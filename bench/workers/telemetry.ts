/**
 * Spans of interleaved traces into the store and from there to a platform, until all are acknowledged.
 *
 *   node telemetry.ts <platform's URL> <folder> <traces> <characters of a span's payload>
 */
import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { PlatformClient } from '../../packages/hud/src/api-client/index.ts';
import { nodeHost } from '../../packages/hud/src/host/node.ts';
import { openStore } from '../../packages/hud/src/store/index.ts';
import { Exporter } from '../../packages/hud/src/telemetry/export/exporter.ts';
import type { Span } from '../../packages/hud/src/protocol/trace.ts';
import { answer } from '../worker.ts';

const [url = '', folder = '', traces = '200', characters = '1024'] = process.argv.slice(2);
/** As many a turn of the event loop, as agents that wait for models would make. */
const A_TURN = 100;
const PATIENCE = { ms: 60_000, awayMs: 10_000 };

const store = await openStore({ directory: folder });
const counters = { queued: 0, sent: 0, acknowledged: 0, rejected: 0 };
const exporter = new Exporter({ store, client: new PlatformClient({ baseUrl: url, apiKey: 'bench' }), host: nodeHost, counters });
const hex = nodeHost.randomHex;
const texts = Array.from({ length: 64 }, () => randomBytes(Number(characters)).toString('base64').slice(0, Number(characters)));

await answer(async ({ n }) => {
  const count = Number(n);
  const jobId = hex(16);
  await store.createJob({ id: jobId, name: 'bench', group: 1, status: 'running', createdAt: Date.now(), config: {} }, []);
  const report = await exporter.follow(jobId, { isNew: true });
  const ids = Array.from({ length: Number(traces) }, () => hex(16));
  for (const [repeat, traceId] of ids.entries()) {
    const row = { traceId, jobId, slug: 'a', taskId: 'a', repeat, attempt: 1, startedAt: Date.now() };
    await store.startRun(row);
    report.runStarted(row);
  }
  if (!(await exporter.flush(PATIENCE))) throw new Error('The platform did not acknowledge the runs.');
  const before = counters.acknowledged;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 1) {
    store.appendSpan(spanOf(ids[i % ids.length] ?? '', i));
    if (i % A_TURN === A_TURN - 1) await turn();
  }
  const appended = performance.now();
  if (!(await exporter.flush(PATIENCE))) throw new Error(`${counters.acknowledged - before} of ${count} spans were acknowledged.`);
  const seconds = (performance.now() - startedAt) / 1000;
  delay.disable();
  // There may be more: runs that say nothing for long are mentioned again.
  if (counters.acknowledged - before < count) throw new Error(`${counters.acknowledged - before} of ${count} spans were acknowledged.`);
  await store.updateJob(jobId, { status: 'completed', endedAt: Date.now() });
  await exporter.finish(jobId, PATIENCE);
  return { rate: count / seconds, appendRate: (count / (appended - startedAt)) * 1000, stallMs: delay.percentile(99) / 1e6 };
});
await exporter.close();
await store.close();

function spanOf(traceId: string, i: number): Span {
  const now = '2026-08-21T10:00:00.125000Z';
  const payload = {
    step_id: i + 1,
    source: 'agent',
    content: texts[i % texts.length],
    tool_calls: [],
    done: false,
    citations: [],
    messages: [],
    extra: {},
  };
  return {
    name: 'step.agent',
    traceId,
    spanId: hex(8),
    parentSpanId: null,
    kind: 'INTERNAL',
    startTime: now,
    endTime: now,
    statusCode: 'OK',
    statusMessage: null,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': traceId, 'hud.payload': payload },
    events: [],
  };
}
