import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Agent } from '../../agents/agent.ts';
import { AGENT_TYPES } from '../../agents/catalogue.ts';
import { readSetting } from '../../host/settings.ts';
import { Taskset, type Job } from '../../eval/index.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { confirm } from '../ask.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { chooseAgent } from '../eval/agent-choice.ts';
import { CONFIG_FILE, CONFIG_TEMPLATE } from '../eval/config-file.ts';
import { evalDocument, numbersOf, runDocument } from '../eval/document.ts';
import { makeProgress } from '../eval/progress.ts';
import { reportLines } from '../eval/report.ts';
import { selectTasks } from '../eval/selection.ts';
import { evalOptions, readSettings, type EvalSettings } from '../eval/settings.ts';
import { findSource, placementOf } from '../eval/source.ts';
import { UsageError } from '../usage-error.ts';

export const evaluate = defineCommand({
  arguments: {
    '[source]': 'file or directory with tasks: .ts, .js, .json, .jsonl, .csv (default: the one in this folder)',
    '[agent]': `${AGENT_TYPES.join(', ')}, or the name of a model`,
  },
  options: evalOptions,
  notes: `Settings come from the command line, then from ${CONFIG_FILE} in this folder.
Every run is recorded in .hud of this folder, or in HUD_DIR: see \`hud jobs\` and \`hud trace\`.
Exit code 1 when nothing could be graded or --fail-under was missed; failed runs alone are no failure.`,
  run: async ({ args, options }, context) => {
    if (options.initConfig) return await writeConfig(context);
    const settings = await readSettings(args, options, { agentNames: AGENT_TYPES, lookup: readSetting }, context);
    const agent = await chooseAgent(settings, context);
    const source = resolve(context.cwd, settings.source ?? (await findSource(context)));
    const placement = placementOf(source, settings, context);
    const { chosen, passedOver } = selectTasks(await Taskset.fromFile(source), settings);
    if (passedOver > 0) context.note(`Only the first of ${passedOver + 1} tasks runs: --all runs them all, --task-ids chooses.`);
    await mayCost(agent, chosen.size * settings.group, settings, context);
    return await evaluateTasks(chosen, agent, { ...settings, source, placement }, context);
  },
});

interface Plan extends EvalSettings {
  source: string;
  placement: ReturnType<typeof placementOf>;
}

async function evaluateTasks(tasks: Taskset, agent: Agent, plan: Plan, context: Context): Promise<Result> {
  await using output = plan.output === undefined ? undefined : await openOutput(resolve(context.cwd, plan.output));
  const startedAt = performance.now();
  const { job, failure } = await runTasks(tasks, agent, plan, output, context);
  const judgement = { successThreshold: plan.successThreshold, elapsedMs: performance.now() - startedAt };
  if (failure !== undefined && !context.signal.aborted) {
    for (const line of reportLines(job, judgement, context.err)) context.note(line);
    throw failure;
  }
  return {
    json: evalDocument(job, judgement),
    text: () => reportLines(job, judgement, context.out),
    exitCode: exitCodeOf(job, plan, context),
  };
}

/** @returns the job as far as it came, and what ended it early */
async function runTasks(
  tasks: Taskset,
  agent: Agent,
  plan: Plan,
  output: FileHandle | undefined,
  { err, isJson, signal }: Context,
): Promise<{ job: Job; failure?: unknown }> {
  using progress = makeProgress(err, { total: tasks.size * plan.group, isQuiet: isJson, isVerbose: plan.isVerbose });
  signal.addEventListener('abort', () => progress.interrupted(), { once: true });
  const { provider, maxConcurrent } = plan.placement;
  let job: Job | undefined;
  try {
    const events = tasks.stream(agent, {
      group: plan.group,
      runtime: provider,
      signal,
      config: configOf(plan, agent),
      ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
      ...(plan.rolloutTimeout === undefined ? {} : { rolloutTimeout: plan.rolloutTimeout }),
    });
    for await (const event of events) {
      job = event.job;
      progress.on(event);
      if (event.type === 'run-ended') await output?.write(`${stringifyJson(runDocument(event.run, job.runs.indexOf(event.run)))}\n`);
    }
  } catch (failure) {
    if (job !== undefined) return { job, failure };
    throw failure;
  }
  if (job === undefined) throw new HudError('TASK_NOT_FOUND', 'There was nothing to run.');
  return { job };
}

function exitCodeOf(job: Job, { failUnder, successThreshold }: Plan, { signal, note }: Context): number {
  if (signal.aborted) return EXIT.interrupted;
  const { mean } = numbersOf(job, successThreshold);
  if (mean === null) return EXIT.failed;
  if (failUnder === undefined || mean >= failUnder) return EXIT.ok;
  note(`The mean reward ${mean.toFixed(3)} is below ${failUnder}.`);
  return EXIT.failed;
}

/** What the record keeps of how it was run; nothing that may be a secret. */
function configOf({ source, runtime, group, all, taskIds, maxSteps, placement }: Plan, agent: Agent): Record<string, unknown> {
  const config = {
    command: 'eval',
    source,
    agent: agent.name,
    model: agent.model,
    runtime: runtime ?? 'local',
    group,
    all,
    taskIds,
    maxSteps,
    maxConcurrent: placement.maxConcurrent,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** More rollouts of a model than this are worth a question. */
const MANY = 50;

async function mayCost(agent: Agent, rollouts: number, { mayAsk }: EvalSettings, context: Context): Promise<void> {
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

async function writeConfig({ cwd }: Context): Promise<Result> {
  const path = resolve(cwd, CONFIG_FILE);
  try {
    await writeFile(path, CONFIG_TEMPLATE, { flag: 'wx' });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new HudError(
      'BAD_ARGUMENT',
      isThere ? `${relative(cwd, path)} is there already.` : `${path} can't be written: ${messageOf(cause)}.`,
      { cause },
    );
  }
  return { json: { path }, text: () => [`Wrote ${relative(cwd, path)}.`] };
}
