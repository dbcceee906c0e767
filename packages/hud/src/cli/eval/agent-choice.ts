/** The agent that `hud eval` runs: by name, by model, or from a file of the user's. */
import { resolve } from 'node:path';
import { asAgent, type Agent, type AgentLike } from '../../agents/agent.ts';
import { loadSource } from '../../environment/index.ts';
import { HudError } from '../../protocol/errors.ts';
import { ask } from '../ask.ts';
import type { Context } from '../command.ts';
import { UsageError } from '../usage-error.ts';
import type { EvalSettings } from './settings.ts';

export const AGENT_NAMES: readonly string[] = ['claude', 'openai', 'gemini', 'openai_compatible', 'oracle', 'nop'];

export function lookupVariable(name: string): string | undefined {
  return process.env[name];
}

/** @throws UsageError for a name that is neither an agent nor a model */
export async function chooseAgent(settings: EvalSettings, context: Context): Promise<Agent> {
  if (settings.agentModule !== undefined) {
    if (settings.agent !== undefined) throw new UsageError('An agent and --agent-module exclude each other.');
    return await agentOf(resolve(context.cwd, settings.agentModule));
  }
  const name = settings.agent ?? await ask(context, { question: 'Which agent?', choices: AGENT_NAMES, otherwise: 'hud eval needs an agent.', hint: `Name one: ${AGENT_NAMES.join(', ')}.` });
  const { createAgent } = await import('../../agents/index.ts');
  return createAgent(name, {});
}

/**
 * The export `agent` of a file, else its only export that is one.
 * @throws HudError BAD_SOURCE
 */
async function agentOf(path: string): Promise<Agent> {
  const exports = await loadSource(path);
  const isAgent = (value: unknown): value is AgentLike => typeof value === 'function'
    || (typeof value === 'object' && value !== null && 'run' in value && typeof value.run === 'function' && 'name' in value);
  const [only, ...others] = 'agent' in exports ? [exports.agent] : Object.values(exports).filter(isAgent);
  if (isAgent(only) && others.length === 0) return asAgent(only);
  throw new HudError('BAD_SOURCE', `${path} exports ${others.length > 0 ? 'several agents' : 'no agent'}.`, {
    hint: "Export one as `agent`: a function (run) => { run.trace.content = 'answer'; }, or an object with a name and such a run.",
  });
}
