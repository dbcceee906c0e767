/** Tasks × group → rollouts, as many at once as allowed, each recorded before it is told. */
import type { Agent } from '../agents/agent.ts';
import { Run } from '../client/run.ts';
import { Trace } from '../client/trace.ts';
import { nodeHost } from '../host/node.ts';
import { withDeadline, type Host } from '../host/host.ts';
import { HudError, toHudError } from '../protocol/errors.ts';
import type { RunFinish } from '../protocol/record.ts';
import type { Task } from '../protocol/task.ts';
import type { Step } from '../protocol/trace.ts';
import type { ProviderObject } from '../runtime/index.ts';
import { stepSpan } from '../telemetry/index.ts';
import type { RunEvent } from './contract.ts';
import type { Job } from './job.ts';
import { rollout } from './rollout.ts';

export interface Batch {
  job: Job;
  tasks: readonly Task[];
  group: number;
  agent: Agent;
  provider: ProviderObject;
  maxConcurrent: number | undefined;
  rolloutTimeout: number | undefined;
  signal: AbortSignal | undefined;
  host?: Host;
  emit: (event: RunEvent) => void;
}

interface Slot {
  task: Task;
  repeat: number;
  groupId: string;
}

const TEARDOWN_MS = 15_000;

/**
 * Runs every slot. A rollout never fails the batch; what does: the record can't be written, or the
 * signal fired. In-flight rollouts are cancelled then, and their places torn down before this rejects.
 */
export async function runBatch(batch: Batch): Promise<void> {
  const host = batch.host ?? nodeHost;
  const stop = new AbortController();
  const signal = AbortSignal.any([
    stop.signal,
    ...(batch.signal ? [batch.signal] : []),
    ...(batch.job.store ? [batch.job.store.failed] : []),
  ]);
  const slots = expand(batch, host);
  const ended: number[] = [];
  const teardowns = new Set<Promise<unknown>>();
  const base = batch.job.runs.length;
  await using _scope = await batch.provider.open?.();
  try {
    await eachSlot(slots, batch.maxConcurrent ?? batch.provider.defaultConcurrency ?? slots.length, signal, async (slot, index) => {
      const { run, teardown } = await runSlot(slot, batch, host, signal);
      batch.job.runs.splice(base + insertSorted(ended, index), 0, run);
      batch.emit({ type: 'run-ended', job: batch.job, run });
      teardowns.add(teardown);
      // The place counts against the limit until it is gone, unless its rollout ran out of time.
      const settled = teardown.finally(() => teardowns.delete(teardown));
      if (run.class !== 'timeout') await settled;
    });
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    await withDeadline(
      host,
      Promise.allSettled(teardowns),
      TEARDOWN_MS,
      () => new HudError('RUNTIME_UNREACHABLE', `Some environments were not torn down within ${TEARDOWN_MS / 1000} s.`),
    );
  }
}

/** @returns where the value went; runs end nearly in order, so this looks from the end */
function insertSorted(sorted: number[], value: number): number {
  const at = sorted.findLastIndex((other) => other < value) + 1;
  sorted.splice(at, 0, value);
  return at;
}

function expand({ tasks, group }: Batch, host: Host): Slot[] {
  return tasks.flatMap((task) => {
    const groupId = host.randomHex(16);
    return Array.from({ length: group }, (_, repeat) => ({ task, repeat, groupId }));
  });
}

/** Workers that pull, so that a hundred thousand waiting slots cost nothing. */
async function eachSlot(
  slots: readonly Slot[],
  width: number,
  signal: AbortSignal,
  work: (slot: Slot, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { error: unknown } | undefined;
  const pull = async (): Promise<void> => {
    while (next < slots.length && !signal.aborted && failure === undefined) {
      const index = next++;
      try {
        await work(slots[index] as Slot, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, slots.length) }, pull));
  if (failure !== undefined) throw failure.error;
  signal.throwIfAborted();
}

async function runSlot(slot: Slot, batch: Batch, host: Host, signal: AbortSignal): Promise<Awaited<ReturnType<typeof rollout>>> {
  const { job, agent, provider, emit } = batch;
  const traceId = host.randomHex(16);
  const onStep = (step: Step): void => {
    job.store?.appendSpan(stepSpan(step, { traceId }, host));
    emit({ type: 'step', job, run, step });
  };
  const trace = new Trace(traceId, { sink: onStep, now: () => host.now() });
  const run: Run = new Run({ task: slot.task, trace, jobId: job.id, groupId: slot.groupId, repeat: slot.repeat });
  await job.store?.startRun({
    traceId,
    jobId: job.id,
    slug: run.slug,
    taskId: run.taskId,
    repeat: run.repeat,
    attempt: run.attempt,
    groupId: slot.groupId,
    agent: agent.name,
    ...(agent.model === undefined ? {} : { model: agent.model }),
    startedAt: host.now(),
  });
  emit({ type: 'run-started', job, run });
  const ended = await rollout(run, {
    agent,
    provider,
    host,
    signal,
    rolloutTimeout: batch.rolloutTimeout,
    onPhase: (phase) => emit({ type: 'phase', job, run, phase }),
  });
  await job.store?.finishRun(traceId, finishOf(run, host));
  return ended;
}

/** The row that ends a run in the record. */
function finishOf(run: Run, host: Host): RunFinish {
  const { trace, verdict, error } = run;
  const usages = trace.collect((step) => (step.source === 'agent' ? step.usage : undefined));
  const total = (pick: (usage: (typeof usages)[number]) => number | undefined): number | undefined => {
    const values = usages.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  };
  const isGraded = Object.keys(verdict.raw).length > 0;
  return withoutUndefined({
    class: run.class ?? 'cancelled',
    status: trace.status ?? 'error',
    stopReason: trace.stopReason,
    reward: isGraded ? verdict.reward : undefined,
    grade: isGraded ? verdict.raw : undefined,
    answer: trace.content,
    error:
      error === undefined ? undefined : withoutUndefined({ code: error.code, message: error.message, hint: error.hint, data: error.data }),
    runtime: run.runtime,
    steps: trace.length,
    promptTokens: total((usage) => usage.promptTokens),
    completionTokens: total((usage) => usage.completionTokens),
    costUsd: total((usage) => usage.costUsd),
    endedAt: host.now(),
  }) as RunFinish;
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

/** Marks the job's end in the record, whatever it was. */
export async function closeJob(job: Job, failure: unknown): Promise<void> {
  const error = failure === undefined ? undefined : toHudError(failure);
  const status = error === undefined ? 'completed' : error.code === 'CANCELLED' ? 'cancelled' : 'failed';
  await job.store?.updateJob(job.id, { status, endedAt: nodeHost.now(), ...(error === undefined ? {} : { error: error.message }) });
}
