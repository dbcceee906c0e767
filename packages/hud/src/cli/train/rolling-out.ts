/** The rollouts of a round or a measurement: once more where the platform went away in the middle, as when it is started again. */
import { Taskset, type Job } from '../../eval/index.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { isHudError } from '../../protocol/errors.ts';
import type { Task } from '../../protocol/task.ts';
import { plural } from '../terminal/wording.ts';
import type { Session } from './session.ts';

export interface Rolling {
  tasks: readonly Task[];
  job: Job;
  group: number;
  /** What is going on, for people. */
  text: string;
}

export interface RolledOut {
  runs: Job['runs'];
  /** Slugs of the tasks that were rolled out again, time after time: resuming passes over those repeats too. */
  again: string[][];
}

/** Of a model that did not answer; a key or a request that is refused stays so. */
const PASSING: readonly string[] = ['MODEL_UNAVAILABLE', 'MODEL_RATE_LIMITED'];
/** A model that goes on failing has another reason, which the next line tells. */
const MOST_AGAIN = 2;
/** How long a platform that does not answer is waited for, in milliseconds. */
const PATIENCE_MS = 300_000;
const POLL_MS = 1_000;

/** @returns of a task that was rolled out again the last group alone. @throws HudError PLATFORM_UNREACHABLE when the platform stays away */
export async function rollOut(session: Session, { tasks, job, group, text }: Rolling): Promise<RolledOut> {
  const again: string[][] = [];
  let left = tasks;
  let runs: Job['runs'] = [];
  for (;;) {
    const before = job.runs.length;
    await rollOutOnce(session, { tasks: left, job, group, text });
    const fresh = job.runs.slice(before);
    const spoilt = fresh.filter((run) => run.class === 'provider' && PASSING.includes(run.error?.code ?? ''));
    const slugs = new Set(spoilt.map(({ slug }) => slug));
    if (slugs.size === 0 || again.length === MOST_AGAIN) return { runs: [...runs, ...fresh], again };
    runs = [...runs, ...fresh.filter(({ slug }) => !slugs.has(slug))];
    left = left.filter(({ slug }) => slugs.has(slug));
    again.push([...slugs]);
    const reason = spoilt[0]?.error?.message ?? 'no answer';
    session.listener.onNote(
      `${text}: ${plural(spoilt.length, 'rollout')} had no answer of the model (${reason}), so ${plural(left.length, 'task')} ${left.length === 1 ? 'is' : 'are'} rolled out again`,
    );
    await platformIsThere(session, text);
  }
}

/** @throws HudError what it answered when that was no silence */
export async function platformIsThere({ trainer, listener, signal }: Session, text: string): Promise<void> {
  const deadline = nodeHost.monotonic() + PATIENCE_MS;
  for (;;) {
    try {
      await trainer.availableLosses({ signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!isHudError(error) || !isSilence(error.data?.status, error.code) || nodeHost.monotonic() > deadline) throw error;
    }
    listener.onPhase({ text: `${text}: waiting for the platform to answer again` });
    await sleep(nodeHost, POLL_MS, signal);
  }
}

function isSilence(status: unknown, code: string): boolean {
  return code === 'PLATFORM_UNREACHABLE' || status === 502 || status === 503 || status === 504;
}

async function rollOutOnce({ agent, place, signal, listener, journal }: Session, { tasks, job, group, text }: Rolling): Promise<void> {
  const total = tasks.length * group;
  let done = 0;
  listener.onPhase({ text, done, total });
  for await (const event of new Taskset(journal.begin.modelName, [...tasks]).stream(agent, { ...place, job, group, signal })) {
    if (event.type !== 'run-ended') continue;
    done += 1;
    listener.onPhase({ text, done, total });
  }
}
