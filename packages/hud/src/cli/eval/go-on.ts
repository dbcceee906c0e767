/** Goes on with a recorded job the way it was begun, for `hud resume` and `hud retry`. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AGENT_TYPES, resolveModel } from '../../agents/catalogue.ts';
import type { RunOptions } from '../../eval/index.ts';
import { readSetting } from '../../host/settings.ts';
import { HudError, type FaultClass } from '../../protocol/errors.ts';
import type { Context, Option, Result } from '../command.ts';
import { listed } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';
import { agentByName, agentOfModule, camelCased, type ChosenAgent } from './agent-choice.ts';
import { CONFIG_FILE, readConfigFile } from './config-file.ts';
import { checkClasses, RETRIABLE } from './fault-classes.ts';
import { mayBeSecret, TOKEN, type RecordedEval } from './recorded.ts';
import type { RecordedJob } from './recorded-job.ts';
import { readReplay } from './replay.ts';
import { mayCost, runEval } from './run-eval.ts';
import { evalOptions, runOptionsOf, typed } from './settings.ts';
import { placementOf } from './source.ts';

const { maxConcurrent, rolloutTimeout, groupTimeout, patience, retries, retryOn, runtime, token } = evalOptions;
const { failUnder, successThreshold, output, verbose, yes } = evalOptions;

/** What may differ from how the job was begun: how fast, how long, where, and nothing that its rewards depend on. */
export const goOnOptions = {
  maxConcurrent,
  rolloutTimeout,
  groupTimeout,
  patience,
  retries,
  retryOn,
  runtime,
  token,
  config: { ...evalOptions.config, help: 'a secret of the agent, which a record never keeps; repeatable' },
  failUnder,
  successThreshold,
  output,
  verbose,
  yes,
};

type Flags = { [K in keyof typeof goOnOptions]?: (typeof goOnOptions)[K] extends Option<infer T> ? T : never };

export interface GoOn {
  recorded: RecordedJob;
  /** Classes of recorded runs that are tried again. */
  rerun: readonly FaultClass[];
  /** Runs to make. */
  rollouts: number;
}

/** @throws HudError and UsageError as `hud eval`; JOB_RUNNING when another process was faster */
export async function goOn({ recorded, rerun, rollouts }: GoOn, flags: Flags, context: Context): Promise<Result> {
  const how = withFlags(recorded.how, flags);
  await checkSource(how);
  const { agent } = await sameAgent(how, flags.config ?? {}, context);
  if (how.withheld.includes(TOKEN) && flags.token === undefined) {
    context.note('The --token that this job began with is not in the record: give it again, or set HUD_CONTROL_SECRET.');
  }
  const replay = how.replay === undefined ? undefined : await readReplay(how.replay, how, context);
  if (replay === undefined) await mayCost(agent, rollouts, { mayAsk: flags.yes !== true }, context);
  const run: RunOptions = {
    ...runOptionsOf(how),
    ...placementOf(how.source, { ...how, token: flags.token }, context),
    ...(replay === undefined ? {} : { replay }),
    store: recorded.store,
    job: recorded.job.id,
    rerun,
  };
  const isVerbose = (flags.verbose ?? 0) > 0;
  return await runEval({ tasks: recorded.tasks, agent, rollouts, run, ...bar(how), output: flags.output, isVerbose }, context);
}

/** What the job is measured by. */
export function bar({ failUnder: least, successThreshold: threshold }: Pick<RecordedEval, 'failUnder' | 'successThreshold'>): {
  failUnder: number | undefined;
  successThreshold: number;
} {
  return { failUnder: least, successThreshold: threshold };
}

/** As recorded, but for what the command line says now. */
export function withFlags(how: RecordedEval, flags: Flags): RecordedEval {
  const { config: _config, output: _output, verbose: _verbose, yes: _yes, token: _token, retryOn: words, ...given } = flags;
  return { ...how, ...given, ...(words === undefined ? {} : { retryOn: checkClasses(words, '--retry-on', RETRIABLE) }) };
}

/** Without it every run would end as a fault of its own. */
async function checkSource({ source, runtime: place }: RecordedEval): Promise<void> {
  if (place !== 'local' || (await stat(source).catch(() => undefined)) !== undefined) return;
  throw new HudError('BAD_SOURCE', `The source of this job is gone: ${source}.`, {
    hint: 'Put it back, or name a served environment: --runtime tcp://host:port.',
  });
}

async function sameAgent(how: RecordedEval, given: Record<string, string>, context: Context): Promise<ChosenAgent> {
  if (how.agentModule !== undefined) return await agentOfModule(how.agentModule);
  const { agent: name } = how;
  if (name === undefined) throw new HudError('BAD_ARGUMENT', 'The record does not say which agent this job ran.');
  return await agentByName(name, async () => ({ ...how.agentConfig, ...(await secrets(name, how, given, context)) }));
}

/** What the record withholds: from the command line, else from the config file of this folder. */
async function secrets(name: string, how: RecordedEval, given: Record<string, string>, context: Context): Promise<Record<string, unknown>> {
  const flags = camelCased(Object.fromEntries(Object.entries(given).map(([key, value]) => [key, typed(value)])));
  const wanted = how.withheld.filter((key) => key !== TOKEN);
  const foreign = Object.keys(flags).find((key) => !wanted.includes(key) && !mayBeSecret(key, flags[key]));
  if (foreign !== undefined) {
    throw new UsageError(`--config ${foreign}: a job goes on with the settings that it began with.`, {
      hint: 'Only keys may be given again; for other settings begin a new job with `hud eval`.',
    });
  }
  if (wanted.length === 0) return flags;
  const file = await readConfigFile(resolve(context.cwd, CONFIG_FILE), { agentNames: AGENT_TYPES, lookup: readSetting });
  const section = camelCased(file?.agents[(await resolveModel(name)).type] ?? {});
  const known = { ...section, ...flags };
  const missing = wanted.filter((key) => known[key] === undefined);
  if (missing.length > 0) {
    const [verb, them] = missing.length === 1 ? ['is', 'it'] : ['are', 'them'];
    context.note(`The agent's ${listed(missing)} ${verb} not in the record, which keeps no secrets: --config gives ${them} again.`);
  }
  return Object.fromEntries(
    [...wanted, ...Object.keys(flags)].map((key) => [key, known[key]]).filter(([, value]) => value !== undefined),
  ) as Record<string, unknown>;
}
