/** What one `hud eval` is to do: flags over the config file over defaults. */
import { resolve } from 'node:path';
import type { Context } from '../command.ts';
import { flag, count, integer, list, number, pairs, text, texts } from '../options.ts';
import type { RunOptions } from '../../eval/index.ts';
import type { FaultClass } from '../../protocol/errors.ts';
import { UsageError } from '../usage-error.ts';
import { checkClasses, RETRIABLE } from './fault-classes.ts';
import { CONFIG_FILE, readConfigFile, type ConfigFile, type ConfigSources, type EvalSection } from './config-file.ts';

export const evalOptions = {
  all: flag('--all', 'every task, not only the first'),
  full: flag('--full', '--all --auto-respond --max-steps 100'),
  model: text('-m, --model <id>', "the agent's model"),
  config: pairs('-c, --config <key=value>', 'a setting of the agent, or agent.key=value; repeatable'),
  fromJson: text('--from-json <file>', 'read all settings from a JSON file'),
  maxConcurrent: integer('--max-concurrent <n>', 'rollouts at once (default: what this machine carries, 30 elsewhere)', { min: 1 }),
  maxSteps: integer('--max-steps <n>', "turns of the model (default: the agent's)", { min: 1 }),
  group: integer('--group, --group-size <n>', 'repeats of each task (default: 1)', { min: 1 }),
  taskIds: list('--task-ids <a,b,0>', 'tasks by slug, template or 0-based position'),
  exclude: texts('--exclude <slug>', 'leave this task out; repeatable'),
  autoRespond: flag('--auto-respond', 'answer an agent that stops to ask'),
  gateway: flag('-g, --gateway', "call models through the platform's gateway"),
  replay: text('--replay <job>', 'give the runs what models said to those of this recorded job, and call none'),
  runtime: text('--runtime <place>', 'local, or tcp://host:port of a served environment (default: local)'),
  token: text('--token <secret>', 'the control secret of a served environment (default: HUD_CONTROL_SECRET)'),
  rolloutTimeout: number('--rollout-timeout <seconds>', 'longest time of a whole rollout', { above: 0 }),
  groupTimeout: number('--group-timeout <seconds>', 'end the runs of a task that have not ended after this time', { above: 0 }),
  patience: number('--patience <seconds>', 'an environment silent for longer counts as dead (default: 10)', { above: 0 }),
  retries: integer('--retries <n>', 'try a run again at most this often (default: 1)', { min: 0 }),
  retryOn: list(
    '--retry-on <classes>',
    'faults that are tried again: provider,sandbox,… (default: lost connections and killed environments)',
  ),
  failUnder: number('--fail-under <reward>', 'exit with 1 when the mean reward is lower'),
  successThreshold: number('--success-threshold <reward>', 'a run above this counts as a success (default: 0.7)'),
  output: text('--output <file>', 'also write every run there, as a line of JSON'),
  agentModule: text('--agent-module <file>', 'take the agent from the exports of this file'),
  verbose: count('-v, --verbose', 'log the steps of every run'),
  yes: flag('-y, --yes', 'do not ask before many model calls'),
  initConfig: flag('--init-config', `write ${CONFIG_FILE} with every setting explained, and stop`),
};

type Flags = {
  [K in keyof typeof evalOptions]?: (typeof evalOptions)[K] extends { parse?: (text: string, previous: (infer T) | undefined) => unknown }
    ? T
    : never;
};

export interface EvalSettings extends Omit<EvalSection, 'taskIds' | 'full' | 'verbose' | 'veryVerbose' | 'retryOn'> {
  taskIds?: string[];
  retryOn?: FaultClass[];
  all: boolean;
  group: number;
  successThreshold: number;
  isVerbose: boolean;
  /** Settings of agents by name, as the config file spells their keys. */
  agents: ConfigFile['agents'];
  /** `--config`: values typed, not yet given to an agent. */
  config: Record<string, unknown>;
  output?: string;
  /** Id of a job, or its first digits. */
  replay?: string;
  token?: string;
  mayAsk: boolean;
}

/** @throws HudError BAD_CONFIG, UsageError */
export async function readSettings(
  positional: readonly string[],
  flags: Flags,
  sources: ConfigSources,
  { cwd }: Context,
): Promise<EvalSettings> {
  const path = resolve(cwd, flags.fromJson ?? CONFIG_FILE);
  if (flags.fromJson !== undefined && !flags.fromJson.endsWith('.json'))
    throw new UsageError(`--from-json takes a .json file, not '${flags.fromJson}'.`);
  const file = await readConfigFile(path, sources);
  if (file === undefined && flags.fromJson !== undefined) throw new UsageError(`There is no file ${flags.fromJson}.`);
  const section = file?.eval ?? {};
  const { taskIds: fileIds, full: fileFull, agentModule: _fileModule, retryOn: fileRetryOn, verbose, veryVerbose, ...rest } = section;
  const full = flags.full ?? fileFull ?? false;
  const taskIds = flags.taskIds ?? listOf(fileIds);
  const retryOn = flags.retryOn ?? listOf(fileRetryOn);
  const [source, agent] = positional;
  if (agent !== undefined && flags.agentModule !== undefined)
    throw new UsageError(`The agent '${agent}' and --agent-module exclude each other.`);
  return {
    ...rest,
    ...defined({
      source,
      agent,
      taskIds,
      agentModule: flags.agentModule ?? (agent === undefined ? section.agentModule : undefined),
      model: flags.model,
      exclude: flags.exclude,
      maxConcurrent: flags.maxConcurrent,
      gateway: flags.replay === undefined ? flags.gateway : true,
      runtime: flags.runtime,
      rolloutTimeout: flags.rolloutTimeout,
      groupTimeout: flags.groupTimeout,
      patience: flags.patience,
      retries: flags.retries,
      retryOn: retryOn === undefined ? undefined : checkClasses(retryOn, '--retry-on', RETRIABLE),
      failUnder: flags.failUnder,
      output: flags.output,
      replay: flags.replay,
      token: flags.token,
      // Set on the command line it wins over everything; `full` wins over the file.
      maxSteps: flags.maxSteps ?? (full ? 100 : undefined),
      autoRespond: flags.autoRespond ?? (full ? true : undefined),
    }),
    all: flags.all ?? (full || (section.all ?? false)),
    group: flags.group ?? section.group ?? 1,
    successThreshold: flags.successThreshold ?? section.successThreshold ?? 0.7,
    isVerbose: (flags.verbose ?? 0) > 0 || verbose === true || veryVerbose === true,
    agents: file?.agents ?? {},
    config: Object.fromEntries(Object.entries(flags.config ?? {}).map(([key, value]) => [key, typed(value)])),
    mayAsk: flags.yes !== true,
  };
}

/** Those that a batch takes as they are. */
export function runOptionsOf(
  settings: Pick<EvalSettings, 'rolloutTimeout' | 'groupTimeout' | 'patience' | 'retries' | 'retryOn'>,
): Pick<RunOptions, 'rolloutTimeout' | 'groupTimeout' | 'patience' | 'retries' | 'retryOn'> {
  const { rolloutTimeout, groupTimeout, patience, retries, retryOn } = settings;
  return defined({ rolloutTimeout, groupTimeout, patience, retries, retryOn });
}

function listOf(ids: EvalSection['taskIds']): string[] | undefined {
  if (ids === undefined) return undefined;
  return typeof ids === 'string'
    ? ids
        .split(',')
        .map((id) => id.trim())
        .filter((id) => id !== '')
    : ids.map(String);
}

/** `true`, `false` and numbers as such, any other text as it is. */
export function typed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

export function defined<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}
