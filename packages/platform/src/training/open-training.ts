/** The training of a platform: its engine as the settings name it, the service on top, and who samples. */
import { join, resolve } from 'node:path';
import { HudError } from 'hud/protocol';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Db } from '../storage/database.ts';
import type { TrainEngine } from './engine.ts';
import { KnownBases } from './sampling/known-bases.ts';
import { Samplers } from './sampling/samplers.ts';
import { Training, type TrainingOptions } from './service.ts';

export interface OpenTraining extends AsyncDisposable {
  service: Training;
  samplers: Samplers;
}

export interface TrainingSettings extends Pick<TrainingOptions, 'now' | 'onPhase' | 'graceMs'> {
  db: Db;
  config: Config;
  log: Log;
  /** In place of the one that the settings name. */
  engine: TrainEngine | undefined;
}

/** How long a start waits for the engine's models, in milliseconds. */
const STARTUP_MS = 10_000;

/** An engine begins its threads when it is first asked for something. @returns undefined when there is none */
export async function openTraining({
  db,
  config,
  log,
  now,
  onPhase,
  graceMs,
  engine: given,
}: TrainingSettings): Promise<OpenTraining | undefined> {
  const engine = given ?? (await openEngine(config, log));
  if (engine === undefined) return undefined;
  const told = { ...(onPhase && { onPhase }), ...(graceMs !== undefined && { graceMs }) };
  const { HUD_TRAIN_KEEP_STATES: states, HUD_TRAIN_KEEP_SAMPLERS: sampled } = config;
  const keep = { states, samplers: Math.max(states, sampled) }; // what can be trained on can be sampled
  const service = new Training({ db, engine, log, now, keep, advantage: config.HUD_TRAIN_ADVANTAGE, ...told });
  const bases = new KnownBases({ ask: async () => await service.bases(), log });
  // A platform serves all else without them.
  await bases.within(STARTUP_MS);
  const samplers = new Samplers({ db, engine, bases });
  return { service, samplers, [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose]() };
}

async function openEngine(config: Config, log: Log): Promise<TrainEngine | undefined> {
  if (config.HUD_TRAIN_ENGINE === 'none') return undefined;
  if (config.HUD_TRAIN_ENGINE === 'tinker') return await openRemote(config, log);
  const { openLocalEngine } = await import('./local/local-engine.ts');
  return openLocalEngine({ directory: join(resolve(config.HUD_PLATFORM_DIR), 'weights') });
}

async function openRemote(config: Config, log: Log): Promise<TrainEngine> {
  const { HUD_TINKER_URL: url } = config;
  if (url === undefined)
    throw new HudError('BAD_CONFIG', 'HUD_TRAIN_ENGINE is tinker, and HUD_TINKER_URL does not say where that engine is.', {
      hint: 'Set it to the address of a server that speaks the Tinker API, as http://127.0.0.1:8000.',
    });
  const { openTinkerEngine } = await import('./tinker/tinker-engine.ts');
  return openTinkerEngine({
    url,
    apiKey: config.HUD_TINKER_API_KEY,
    server: config.HUD_TINKER_SERVER,
    tokenizer: config.HUD_TINKER_TOKENIZER,
    toolFormat: config.HUD_TINKER_TOOL_FORMAT,
    contextTokens: config.HUD_TINKER_CONTEXT_TOKENS,
    loraRank: config.HUD_TINKER_LORA_RANK,
    log,
  });
}
