import * as api from '../../protocol/api/index.ts';
import { encode } from '../../protocol/codec.ts';
import { isHudError } from '../../protocol/errors.ts';
import { normalizeTraceId } from '../../protocol/ids.ts';
import type { RunRecord } from '../../protocol/record.ts';
import { Span, type Step } from '../../protocol/trace.ts';
import type { Store } from '../../store/index.ts';
import { spanStep } from '../../telemetry/index.ts';
import { defineCommand, type Context } from '../command.ts';
import { filesText } from '../file-changes.ts';
import { flag } from '../options.ts';
import { notRecorded, openRecord } from '../record.ts';
import { askPlatform, nowhere, orAbsent, whereOf, whereOptions, type Where } from '../remote-record.ts';
import { stepText } from '../steps.ts';
import { literal, literalLine } from '../terminal/literal.ts';
import { ago, reward, usd } from '../terminal/wording.ts';
import { localTrace, remoteTrace, type TraceSource } from '../trace-source.ts';

/** Enough to name one id of a record. */
const ID_DIGITS = 12;

export const trace = defineCommand({
  arguments: { '<id>': 'a run, by its trace id or by the first digits of one' },
  options: {
    follow: flag('-f, --follow', 'go on until the run has ended'),
    ...whereOptions,
  },
  notes: `Looks in .hud of the current directory, or in HUD_DIR, then on the platform when one is set (\`hud login\`).
Text of models and environments is shown literally.`,
  run: async ({ args: [id = ''], options: { follow = false, local, remote } }, context) => {
    const source = await findTrace(id, whereOf({ local, remote }), context);
    if (!context.isJson) return { json: undefined, text: () => traceText(source, follow, context) };
    await using _source = source;
    const spans: unknown[] = [];
    for await (const span of source.spans({ follow, blobs: 'inline', signal: context.signal })) spans.push(encode(Span, span));
    return { json: spans };
  },
});

/** @throws HudError BAD_ARGUMENT when there is none */
async function findTrace(id: string, where: Where, context: Context): Promise<TraceSource> {
  if (where !== 'remote') {
    const store = await openRecord(context);
    const run = store === undefined ? undefined : await findRun(store, id);
    if (store !== undefined && run !== undefined) return localTrace(store, run);
    await store?.close();
  }
  const found = await askPlatform(where, context, async (client, call) => {
    const view = await orAbsent(client.call(api.traces.get, { params: { id } }, call));
    return view === undefined ? undefined : remoteTrace(client, view);
  });
  const what = `run with the trace id '${id}'`;
  if (found === undefined) throw where === 'local' ? notRecorded(what, context) : nowhere(what, where, context);
  return found;
}

/** By hex digits with or without dashes; any other text is an id that the record keeps hashed. */
async function findRun(store: Store, id: string): Promise<RunRecord | undefined> {
  const digits = id.replaceAll('-', '').toLowerCase();
  const found = /^[0-9a-f]{4,32}$/.test(digits) ? await store.getRun(digits) : undefined;
  return found ?? (await store.getRun(normalizeTraceId(id)));
}

async function* traceText(found: TraceSource, follow: boolean, { out, signal }: Context): AsyncGenerator<string> {
  await using source = found;
  const { run } = source;
  const { bold, dim } = out;
  const details = `${literalLine(run.model ?? run.agent ?? '')}  started ${ago(run.startedAt, Date.now())}`;
  yield `${bold(literalLine(run.slug))} #${run.repeat + 1}  ${dim(details)}`;
  yield dim(`trace ${run.traceId} of job ${run.jobId}`);
  yield* attemptLines(await source.newestAttempt(), run, out);
  let turn = 0;
  for await (const span of source.spans({ follow, blobs: 'reference', signal })) {
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
  yield* endLines(await source.current(), out);
}

/** One of several attempts at its repeat says which, and whether it counts. */
function attemptLines(newest: RunRecord, { attempt }: RunRecord, { yellow, dim }: Context['out']): string[] {
  if (newest.attempt === attempt) return attempt === 1 ? [] : [dim(`attempt ${attempt}; earlier ones count nowhere`)];
  const newer = `hud trace ${newest.traceId.slice(0, ID_DIGITS)}`;
  return [yellow(`attempt ${attempt}, superseded: attempt ${newest.attempt} counts in its place, see ${newer}`)];
}

function endLines(run: RunRecord, { bold, dim, red, yellow }: Context['out']): string[] {
  if (run.class === undefined) return [yellow('still running, or its process was killed')];
  const lines = [run.class === 'graded' ? bold(`graded: reward ${reward(run.reward ?? 0)}`) : red(`no verdict: ${run.class}`)];
  if (run.stopReason !== undefined && run.stopReason !== 'done') lines.push(dim(`the agent stopped: ${run.stopReason}`));
  if (run.error !== undefined) {
    lines.push(...literal(run.error.message).split('\n').map(red));
    if (run.error.hint !== undefined) lines.push(dim(literal(run.error.hint)));
  }
  if (run.costUsd !== undefined) lines.push(dim(`cost ${usd(run.costUsd)}`));
  return lines;
}

function stepOf(span: Span): Step | undefined {
  try {
    return spanStep(span);
  } catch (error) {
    if (isHudError(error)) return undefined; // a newer version's step: its name is shown
    throw error;
  }
}
