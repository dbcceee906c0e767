/** Spans as JSON in memory to a platform, nothing stored, nothing looked at: node telemetry-floor.ts <platform's URL> <traces> <characters> */
import { randomBytes } from 'node:crypto';
import { nodeHost } from '../../packages/hud/src/host/node.ts';
import { answer } from '../worker.ts';

const [url = '', traces = '200', characters = '1024'] = process.argv.slice(2);
const BATCH = 1_000;
const hex = nodeHost.randomHex;
const texts = Array.from({ length: 64 }, () => randomBytes(Number(characters)).toString('base64').slice(0, Number(characters)));

await answer(async ({ n }) => {
  const ids = Array.from({ length: Number(traces) }, () => hex(16));
  const startedAt = performance.now();
  for (let at = 0; at < Number(n); at += BATCH) {
    let body = '';
    for (let i = at; i < Math.min(at + BATCH, Number(n)); i += 1)
      body += `${JSON.stringify({ span: spanOf(ids[i % ids.length] ?? '', i) })}\n`;
    const response = await fetch(`${url}/v2/record`, { method: 'POST', body });
    if (!response.ok) throw new Error(`${response.status}`);
    await response.arrayBuffer();
  }
  return { rate: Number(n) / ((performance.now() - startedAt) / 1000) };
});

function spanOf(traceId: string, i: number): object {
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
  const attributes = { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': traceId, 'hud.payload': payload };
  const ends = { start_time: now, end_time: now, status_code: 'OK', status_message: null };
  return {
    name: 'step.agent',
    trace_id: traceId,
    span_id: hex(8),
    parent_span_id: null,
    kind: 'INTERNAL',
    ...ends,
    attributes,
    events: [],
  };
}
