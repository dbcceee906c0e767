/** Runs tasks for `hud eval`, `hud resume` and `hud retry`: progress while they run, one report over the whole job. */
import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Agent } from '../../agents/agent.ts';
import type { Run } from '../../client/index.ts';
import type { Job, RunEvent, RunOptions, Taskset } from '../../eval/index.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { confirm } from '../ask.ts';
import type { Context, Result } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { UsageError } from '../usage-error.ts';
import { evalDocument, numbersOf, runDocument, type Judgement } from './document.ts';
import { makeProgress } from './progress.ts';
import { reportLines } from './report.ts';

export interface EvalPlan {
  tasks: Taskset;
  agent: Agent;
  /** Runs to make now. */
  rollouts: number;
  run: RunOptions;
  failUnder?: number | undefined;
  successThreshold: number;
  /** Also write every run of the job there, as a line of JSON. */
  output?: string | undefined;
  isVerbose: boolean;
}

/** @throws HudError what ended the job early, after its report; UsageError when `output` can't be written */
export async function runEval(plan: EvalPlan, context: Context): Promise<Result> {
  await using output = plan.output === undefined ? undefined : await openOutput(resolve(context.cwd, plan.output));
  const startedAt = performance.now();
  const { job, ran, superseded, failure } = await runTasks(plan, output, context);
  const judgement: Judgement = {
    successThreshold: plan.successThreshold,
    elapsedMs: performance.now() - startedAt,
    ran,
    superseded,
    canGoOn: failure !== undefined && job.store !== undefined,
  };
  if (failure !== undefined && !context.signal.aborted) {
    for (const line of reportLines(job, judgement, context.err)) context.note(line);
    throw failure;
  }
  return reported(job, judgement, exitCodeOf(job, plan, context), context);
}

export function reported(job: Job, judgement: Judgement, exitCode: number, { out }: Context): Result {
  return { json: evalDocument(job, judgement), text: () => reportLines(job, judgement, out), exitCode };
}

interface Ended {
  /** As far as it came. */
  job: Job;
  /** Runs that ended now, superseded ones not counted. */
  ran: number;
  /** Attempts that made way for another now. */
  superseded: number;
  /** What ended it early. */
  failure?: unknown;
}

async function runTasks(plan: EvalPlan, output: FileHandle | undefined, { err, isJson, signal, note }: Context): Promise<Ended> {
  using progress = makeProgress(err, { total: plan.rollouts, isQuiet: isJson, isVerbose: plan.isVerbose });
  signal.addEventListener('abort', () => progress.interrupted(), { once: true });
  let ended: Ended | undefined;
  try {
    for await (const event of plan.tasks.stream(plan.agent, { ...plan.run, signal })) {
      ended ??= { job: event.job, ran: 0, superseded: 0 };
      if (event.type === 'job-started' && event.job.reporting !== undefined) note(`Live: ${event.job.reporting.url}`);
      progress.on(event);
      if (event.type === 'run-started' && event.run.attempt > 1) ended.superseded += 1;
      if (event.type === 'run-ended') ended.ran += 1;
      for (const run of finishedBy(event)) await output?.write(`${stringifyJson(runDocument(run, event.job.runs.indexOf(run)))}\n`);
    }
  } catch (failure) {
    if (ended !== undefined) return { ...ended, failure };
    throw failure;
  }
  if (ended === undefined) throw new HudError('TASK_NOT_FOUND', 'There was nothing to run.');
  return ended;
}

/** Runs that a job had done before are told when it starts. */
function finishedBy(event: RunEvent): readonly Run[] {
  if (event.type === 'job-started') return [...event.job.runs];
  return event.type === 'run-ended' ? [event.run] : [];
}

function exitCodeOf(job: Job, plan: EvalPlan, context: Context): number {
  if (context.signal.aborted) return EXIT.interrupted;
  if (numbersOf(job, plan.successThreshold).mean === null) return EXIT.failed;
  return missesBar(job, plan, context) ? EXIT.failed : EXIT.ok;
}

/** Says so when the mean is too low, or when there is none. */
export function missesBar(
  job: Job,
  { failUnder, successThreshold }: Pick<EvalPlan, 'failUnder' | 'successThreshold'>,
  { note }: Context,
): boolean {
  const { mean } = numbersOf(job, successThreshold);
  if (failUnder === undefined || (mean !== null && mean >= failUnder)) return false;
  if (mean !== null) note(`The mean reward ${mean.toFixed(3)} is below ${failUnder}.`);
  return true;
}

/** More rollouts of a model than this are worth a question. */
const MANY = 50;

/** @throws HudError when whoever is asked says no; UsageError when nobody can be asked */
export async function mayCost(agent: Agent, rollouts: number, { mayAsk }: { mayAsk: boolean }, context: Context): Promise<void> {
  if (agent.model === undefined || rollouts <= MANY || !mayAsk) return;
  const goesOn = await confirm(context, {
    question: `Run ${agent.model} ${rollouts} times?`,
    otherwise: `This would run ${agent.model} ${rollouts} times, and nobody can be asked whether it should.`,
    hint: 'Add --yes.',
  });
  if (!goesOn) throw new HudError('BAD_ARGUMENT', 'Nothing was run.');
}

async function openOutput(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w');
  } catch (cause) {
    throw new UsageError(`--output can't be written: ${messageOf(cause)}.`, { cause });
  }
}
