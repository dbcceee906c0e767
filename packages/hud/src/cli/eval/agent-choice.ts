/** The agent that `hud eval` runs: by name, by model, or from a file of the user's. */
import { resolve } from 'node:path';
import { asAgent, type Agent, type AgentLike } from '../../agents/agent.ts';
import { AGENT_TYPES, resolveModel } from '../../agents/catalogue.ts';
import { createAgent, type CreateAgentConfig } from '../../agents/create-agent.ts'; // not index.ts: that loads every adapter
import { loadSource } from '../../environment/index.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { ask } from '../ask.ts';
import type { Context } from '../command.ts';
import { nearest } from '../../protocol/nearest.ts';
import { UsageError } from '../usage-error.ts';
import type { EvalSettings } from './settings.ts';

/** An agent, and how to make the same one again. */
export interface ChosenAgent {
  agent: Agent;
  /** As it was asked for: an agent's name or a model's. */
  name?: string;
  /** Absolute; the file that exports it. */
  module?: string;
  config: CreateAgentConfig;
}

/** @throws HudError AGENT_UNKNOWN, MODEL_KEY_MISSING; UsageError */
export async function chooseAgent(settings: EvalSettings, context: Context): Promise<ChosenAgent> {
  if (settings.agentModule !== undefined) return await agentOfModule(resolve(context.cwd, settings.agentModule));
  const name =
    settings.agent ??
    (await ask(context, {
      question: 'Which agent?',
      choices: AGENT_TYPES,
      otherwise: 'hud eval needs an agent.',
      hint: `Name one: ${AGENT_TYPES.join(', ')}, or a model.`,
    }));
  return await agentByName(name, async () => configOf((await resolveModel(name)).type, settings));
}

/**
 * @param config read once the name is known to mean an agent
 * @throws HudError AGENT_UNKNOWN, MODEL_KEY_MISSING; UsageError
 */
export async function agentByName(name: string, config: () => Promise<CreateAgentConfig>): Promise<ChosenAgent> {
  try {
    const given = await config();
    return { agent: await createAgent(name, given), name, config: given };
  } catch (error) {
    // What an agent can't do without, such as a model, is missing on the command line.
    if (isHudError(error) && error.code === 'BAD_ARGUMENT') throw new UsageError(error.message, { hint: error.hint ?? '', cause: error });
    const near = nearest(name, AGENT_TYPES);
    if (!isHudError(error) || error.code !== 'AGENT_UNKNOWN' || near === undefined) throw error;
    throw new HudError('AGENT_UNKNOWN', error.message, { hint: `Did you mean '${near}'?\n${error.hint ?? ''}`, cause: error });
  }
}

/**
 * The export `agent` of a file, else its only export that is one.
 * @param path absolute
 * @throws HudError BAD_SOURCE
 */
export async function agentOfModule(path: string): Promise<ChosenAgent> {
  const exports = await loadSource(path);
  const [only, ...others] = 'agent' in exports ? [exports.agent] : Object.values(exports).filter(isAgent);
  if (isAgent(only) && others.length === 0) return { agent: asAgent(only), module: path, config: {} };
  throw new HudError('BAD_SOURCE', `${path} exports ${others.length > 0 ? 'several agents' : 'no agent'}.`, {
    hint: "Export one as `agent`: a function (run) => { run.trace.content = 'answer'; }, or an object with a name and such a run.",
  });
}

/** The agent's section of the config file, under `--config`, under the flags that have a name of their own. */
function configOf(type: string, { agents, config, model, maxSteps, gateway, autoRespond }: EvalSettings): CreateAgentConfig {
  const named = {
    model,
    maxSteps,
    via: gateway === true ? ('gateway' as const) : undefined,
    autoRespond,
  };
  const merged = { ...camelCased(agents[type] ?? {}), ...camelCased(ownKeys(type, config)), ...named };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}

/** `max_tokens=…` is for the chosen agent, `claude.max_tokens=…` for claude alone. */
function ownKeys(type: string, config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      const [prefix = '', rest] = key.split(/\.(.*)/);
      if (rest === undefined) return [[key, value]];
      if (!AGENT_TYPES.some((known) => known === prefix))
        throw new UsageError(`--config ${key}: there is no agent '${prefix}'.`, { hint: `Agents: ${AGENT_TYPES.join(', ')}.` });
      return prefix === type ? [[rest, value]] : [];
    }),
  );
}

export function camelCased(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()), value]),
  );
}

function isAgent(value: unknown): value is AgentLike {
  if (typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && 'name' in value && 'run' in value && typeof value.run === 'function';
}
