/** Senders that give up nothing, and the reckoning afterwards. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Span } from 'hud/protocol';
import { openStorage, type StorageConfig } from '../../src/storage/open.ts';
import { graded, newTraceId, sender, sha256Of, wireJob, wireRun, wireSpan, type Answer } from '../ingest.fixtures.ts';

const BATCH = 40;
const BATCHES_PER_RUN = 25;
const RETRY_MS = 25;

/** What was sent and acknowledged: hash by span, spans by trace. */
export class Ledger {
  readonly runs = new Map<string, { spans: Map<string, string>; isEnded: boolean }>();
  /** Requests that were not acknowledged, and so were sent again. */
  retries = 0;
  /** Statuses of refusals; `gone` where there was no answer. */
  readonly refusals = new Map<string, number>();

  get spans(): number {
    return [...this.runs.values()].reduce((sum, { spans }) => sum + spans.size, 0);
  }

  refused(reason: string): void {
    this.retries += 1;
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}

export interface Target {
  url: string;
  key: string;
}

/**
 * Sends one run after another, alternately as the SDK's record and as the Python package's uploads, each request until it is
 * acknowledged. Ends with the run during which `signal` fired.
 */
export async function keepSending(target: () => Target, ledger: Ledger, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round += 1) {
    const [jobId, traceId] = [newTraceId(), newTraceId()];
    const isRecord = round % 2 === 0;
    const spans = new Map<string, string>();
    ledger.runs.set(traceId, { spans, isEnded: isRecord });
    if (isRecord) await untilAcknowledged(target, ledger, async (to) => await to.record([wireJob(jobId), wireRun(traceId, jobId)]));
    for (let batch = 0; batch < BATCHES_PER_RUN && !signal.aborted; batch += 1) {
      const wire = Array.from({ length: BATCH }, (_, n) => wireSpan(traceId, { payload: payloadOf(batch * BATCH + n) }));
      await untilAcknowledged(
        target,
        ledger,
        async (to) => await (isRecord ? to.record(wire.map((span) => ({ span }))) : to.upload(traceId, wire)),
      );
      for (const span of wire) spans.set(String(span.span_id), sha256Of(JSON.stringify(span.attributes)));
    }
    if (isRecord) await untilAcknowledged(target, ledger, async (to) => await to.record([wireRun(traceId, jobId, graded)]));
  }
}

/** Some have a picture, which becomes a blob. */
function payloadOf(n: number): object {
  const text = randomBytes(350).toString('hex');
  if (n % 40 !== 7) return { step_id: n, text };
  return { step_id: n, text, content: [{ type: 'image', data: randomBytes(5_000).toString('base64'), mimeType: 'image/png' }] };
}

async function untilAcknowledged(
  target: () => Target,
  ledger: Ledger,
  send: (to: ReturnType<typeof sender>) => Promise<Answer>,
): Promise<void> {
  for (;;) {
    const { url, key } = target();
    let answer: Answer | undefined;
    try {
      answer = await send(sender(url, key));
    } catch {
      ledger.refused('gone'); // it was killed in the middle, or is not back yet
    }
    if (answer?.status === 200 && answer.body.rejected?.length === 0) return;
    if (answer !== undefined) {
      if (answer.status !== 503) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 500)}`);
      ledger.refused(`503 ${answer.body.detail?.slice(0, 60)}`);
    }
    await sleep(RETRY_MS);
  }
}

export interface Reckoning {
  sent: number;
  /** Acknowledged and not there, or not as they were. */
  lost: number;
  changed: number;
  /** There more than once. */
  duplicated: number;
  /** Ends of runs that were acknowledged and are not there. */
  lostEnds: number;
}

/** Reads back every span, pictures included, and compares it by its hash. */
export async function reckon(config: StorageConfig, ledger: Ledger): Promise<Reckoning> {
  const storage = await openStorage(config);
  const result: Reckoning = { sent: ledger.spans, lost: 0, changed: 0, duplicated: 0, lostEnds: 0 };
  try {
    for (const [traceId, { spans, isEnded }] of ledger.runs) {
      const kept = new Map<string, Span[]>();
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const page = await storage.store.listSpans(traceId, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
        for (const span of page.items) kept.set(span.spanId, [...(kept.get(span.spanId) ?? []), span]);
        cursor = page.nextCursor;
      }
      for (const [spanId, hash] of spans) {
        const [span, ...more] = kept.get(spanId) ?? [];
        result.duplicated += more.length;
        if (span === undefined) result.lost += 1;
        else if (sha256Of(JSON.stringify(span.attributes)) !== hash) result.changed += 1;
      }
      if (isEnded && (await storage.store.getRun(traceId))?.class !== 'graded') result.lostEnds += 1;
    }
  } finally {
    await storage.close();
  }
  return result;
}
