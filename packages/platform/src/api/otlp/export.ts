/** From the record to what `write.ts` writes. */
import type { Span } from 'hud/protocol';
import type { Selectable } from 'kysely';
import type { Context } from '../../context.ts';
import type { Tables } from '../../storage/schema/index.ts';
import type { ExportedRun } from './write.ts';

const PAGE = 1_000;

export function exportedRun(run: Selectable<Tables['runs']>): ExportedRun {
  return {
    traceId: run.trace_id,
    jobId: run.job_id,
    slug: run.slug,
    agent: run.agent ?? undefined,
    model: run.model ?? undefined,
    startedAt: run.started_at,
    endedAt: run.ended_at ?? undefined,
    reward: run.class === 'graded' ? (run.reward ?? undefined) : undefined,
    class: run.class ?? undefined,
    error: run.error === null ? undefined : messageIn(run.error),
  };
}

/** All of them, pictures as references. */
export async function exportedSpans({ store }: Pick<Context, 'store'>, traceId: string): Promise<Span[]> {
  const spans: Span[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await store.listSpans(traceId, { limit: PAGE, blobs: 'reference', ...(cursor === undefined ? {} : { cursor }) });
    spans.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) return spans;
  }
}

/** The column holds a `RunError` as JSON. */
function messageIn(text: string): string {
  const { message } = JSON.parse(text) as { message?: unknown };
  return typeof message === 'string' ? message : text;
}
