import { encode } from '../../protocol/codec.ts';
import { isHudError } from '../../protocol/errors.ts';
import { normalizeTraceId } from '../../protocol/ids.ts';
import type { RunRecord } from '../../protocol/record.ts';
import { Span, type Step } from '../../protocol/trace.ts';
import { nodeHost } from '../../host/node.ts';
import { sleep } from '../../host/host.ts';
import type { Store } from '../../store/index.ts';
import { spanStep } from '../../telemetry/index.ts';
import { defineCommand, type Context } from '../command.ts';
import { filesText } from '../file-changes.ts';
import { flag } from '../options.ts';
import { notRecorded, openRecord } from '../record.ts';
import { runsOf } from '../record-rows.ts';
import { stepText } from '../steps.ts';
import { literal, literalLine } from '../terminal/literal.ts';
import { ago, reward } from '../terminal/wording.ts';

const POLL_MS = 250;
/** Few enough that a page of screenshots fits into memory. */
const PAGE = 100;
/** Enough to name one id of a record. */
const ID_DIGITS = 12;

export const trace = defineCommand({
  arguments: { '<id>': 'a run, by its trace id or by the first digits of one' },
  options: {
    follow: flag('-f, --follow', 'go on until the run has ended'),
  },
  notes: 'Reads the record in .hud of the current directory, or in HUD_DIR.\nText of models and environments is shown literally.',
  run: async ({ args: [id = ''], options }, context) => {
    const store = await openRecord(context);
    const run = store === undefined ? undefined : await findRun(store, id);
    if (store === undefined || run === undefined) {
      await store?.close();
      throw notRecorded(`run with the trace id '${id}'`, context);
    }
    const reading = { store, traceId: run.traceId, follow: options.follow ?? false, signal: context.signal };
    if (!context.isJson) return { json: undefined, text: () => traceText(run, reading, context) };
    await using _store = store;
    const spans: unknown[] = [];
    for await (const span of readSpans(reading)) spans.push(encode(Span, span));
    return { json: spans };
  },
});

interface Reading {
  store: Store;
  traceId: string;
  follow: boolean;
  signal: AbortSignal;
  /** @default 'inline' */
  blobs?: 'inline' | 'reference';
}

/** By hex digits with or without dashes; any other text is an id that the record keeps hashed. */
async function findRun(store: Store, id: string): Promise<RunRecord | undefined> {
  const digits = id.replaceAll('-', '').toLowerCase();
  const found = /^[0-9a-f]{4,32}$/.test(digits) ? await store.getRun(digits) : undefined;
  return found ?? (await store.getRun(normalizeTraceId(id)));
}

async function* traceText(run: RunRecord, reading: Reading, { out }: Context): AsyncGenerator<string> {
  await using store = reading.store;
  const { bold, dim } = out;
  yield `${bold(literalLine(run.slug))} #${run.repeat + 1}  ${dim(`${literalLine(run.model ?? run.agent ?? '')}  started ${ago(run.startedAt, Date.now())}`)}`;
  yield dim(`trace ${run.traceId} of job ${run.jobId}`);
  yield* attemptLines(await newestAttempt(store, run), run, out);
  let turn = 0;
  for await (const span of readSpans({ ...reading, blobs: 'reference' })) {
    const files = filesText(span, out);
    if (files !== undefined) {
      if (files.length > 0) yield* ['', ...files];
      continue;
    }
    const step = stepOf(span);
    if (step?.source === 'agent') turn += 1;
    yield '';
    yield* step === undefined
      ? [dim(literalLine(span.name)), ...(span.statusMessage === null ? [] : [out.red(literal(span.statusMessage))])]
      : stepText(step, turn, out);
  }
  yield '';
  yield* endLines((await store.getRun(run.traceId)) ?? run, out);
}

/** One of several attempts at its repeat says which, and whether it counts. */
function attemptLines(newest: RunRecord, { attempt }: RunRecord, { yellow, dim }: Context['out']): string[] {
  if (newest.attempt === attempt) return attempt === 1 ? [] : [dim(`attempt ${attempt}; earlier ones count nowhere`)];
  const newer = `hud trace ${newest.traceId.slice(0, ID_DIGITS)}`;
  return [yellow(`attempt ${attempt}, superseded: attempt ${newest.attempt} counts in its place, see ${newer}`)];
}

async function newestAttempt(store: Store, run: RunRecord): Promise<RunRecord> {
  let newest = run;
  for await (const other of runsOf(store, run.jobId)) {
    if (other.slug === run.slug && other.repeat === run.repeat && other.attempt > newest.attempt) newest = other;
  }
  return newest;
}

function endLines(run: RunRecord, { bold, dim, red, yellow }: Context['out']): string[] {
  if (run.class === undefined) return [yellow('still running, or its process was killed')];
  const lines = [run.class === 'graded' ? bold(`graded: reward ${reward(run.reward ?? 0)}`) : red(`no verdict: ${run.class}`)];
  if (run.stopReason !== undefined && run.stopReason !== 'done') lines.push(dim(`the agent stopped: ${run.stopReason}`));
  if (run.error !== undefined) {
    lines.push(...literal(run.error.message).split('\n').map(red));
    if (run.error.hint !== undefined) lines.push(dim(literal(run.error.hint)));
  }
  return lines;
}

/** In the order they were recorded; with `follow` it waits for more until the run has ended. */
async function* readSpans({ store, traceId, follow, signal, blobs = 'inline' }: Reading): AsyncGenerator<Span> {
  let cursor: string | undefined;
  let seen = 0; // spans after the cursor that were told already
  for (;;) {
    // Asked before the spans are read: once it is true, all spans are there.
    const hasEnded = !follow || (await store.getRun(traceId))?.class !== undefined;
    for (;;) {
      const page = await store.listSpans(traceId, { limit: PAGE, blobs, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.items.slice(seen);
      seen = page.nextCursor === undefined ? page.items.length : 0;
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    if (hasEnded) return;
    await sleep(nodeHost, POLL_MS, signal);
  }
}

function stepOf(span: Span): Step | undefined {
  try {
    return spanStep(span);
  } catch (error) {
    if (isHudError(error)) return undefined; // a newer version's step: its name is shown
    throw error;
  }
}
