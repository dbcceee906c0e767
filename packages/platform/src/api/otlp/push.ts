/** Sends every run that has ended on to a collector, each once; what a collector can't take now waits. */
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, stringifyJson } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { exportedRun, exportedSpans } from './export.ts';
import { toOtlp } from './write.ts';

const POLL_MS = 2_000;
const BATCH = 20;
const TIMEOUT_MS = 30_000;
const LONGEST_PAUSE_MS = 60_000;

/** Goes on until the platform closes. Does nothing without OTEL_EXPORTER_OTLP_ENDPOINT. */
export async function pushTraces(context: Context): Promise<void> {
  const { config, closing, log } = context;
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return;
  const target = { url: `${endpoint.replace(/\/$/, '')}/v1/traces`, headers: headersOf(config.OTEL_EXPORTER_OTLP_HEADERS) };
  for (let pause = POLL_MS; !closing.aborted;) {
    try {
      const sent = await pushBatch(context, target);
      pause = sent === BATCH ? 0 : POLL_MS;
    } catch (error) {
      if (closing.aborted) return;
      log.warn('traces could not be sent to the collector', { reason: messageOf(error) });
      pause = Math.min(Math.max(pause, POLL_MS) * 2, LONGEST_PAUSE_MS);
    }
    await wait(pause, undefined, { signal: closing }).catch(() => undefined); // closing ends the loop above
  }
}

interface Target {
  url: string;
  headers: Record<string, string>;
}

/** @returns how many runs were dealt with. @throws when the collector can't be reached, or asks to wait */
async function pushBatch(context: Context, target: Target): Promise<number> {
  const { db, now } = context;
  const runs = await db
    .selectFrom('runs')
    .selectAll()
    .where('class', 'is not', null)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('otlp_sent').select('otlp_sent.trace_id').whereRef('otlp_sent.trace_id', '=', 'runs.trace_id'))),
    )
    .orderBy('ended_at')
    .limit(BATCH)
    .execute();
  for (const run of runs) {
    const request = toOtlp(exportedRun(run), await exportedSpans(context, run.trace_id));
    const error = await send(stringifyJson(request), target, context.closing);
    const row = { trace_id: run.trace_id, sent_at: now(), error: error ?? null };
    await db
      .insertInto('otlp_sent')
      .values(row)
      .onConflict((conflict) => conflict.column('trace_id').doNothing())
      .execute();
  }
  return runs.length;
}

/** @returns why it was refused for good. @throws for what may pass */
async function send(body: string, { url, headers }: Target, closing: AbortSignal): Promise<string | undefined> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const text = await response.text();
  if (response.ok) return undefined;
  if (response.status === 429 || response.status >= 500) throw new Error(`the collector answered ${response.status}`);
  return `${response.status} ${text.slice(0, 200)}`;
}

/** `key=value,key=value`, values percent-encoded, as OpenTelemetry writes them. */
function headersOf(text = ''): Record<string, string> {
  return Object.fromEntries(
    text
      .split(',')
      .map((pair) => [pair.slice(0, Math.max(0, pair.indexOf('='))).trim(), decodeURIComponent(pair.slice(pair.indexOf('=') + 1).trim())])
      .filter(([name]) => name !== ''),
  ) as Record<string, string>;
}
