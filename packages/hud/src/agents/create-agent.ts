/** A name (of an agent or a model) → an agent, ready to run. */
import { HudError } from '../protocol/errors.ts';
import type { Agent } from './agent.ts';
import { priceOf, type AgentType } from './catalogue.ts';
import type { ToolAgentConfig } from './config.ts';
import { routeModel } from './routing.ts';

/** Settings of every agent, and the chosen one's own (`maxTokens`, `temperature`, `completionKwargs`, …). */
export type CreateAgentConfig = ToolAgentConfig & Record<string, unknown>;

export interface CreateAgentOptions {
  /** A catalogue of models. @default `models.json` and `.hud/models.json` in the current directory */
  modelsFile?: string;
}

/**
 * `createAgent('claude-sonnet-4-6')`, `createAgent('oracle')`, `createAgent('openai', { model: 'gpt-5.5' })`.
 * @throws HudError AGENT_UNKNOWN with near names; MODEL_KEY_MISSING before anything runs
 */
export async function createAgent(name: string, settings: CreateAgentConfig = {}, { modelsFile }: CreateAgentOptions = {}): Promise<Agent> {
  const { type, config: merged } = await routeModel(name, settings, modelsFile);
  if (type === 'openai_compatible' && merged.model === undefined) {
    throw new HudError('BAD_ARGUMENT', 'The agent openai_compatible needs a model.', { hint: 'Pass --model NAME, or { model: … }.' });
  }
  const agent = await MAKERS[type](merged);
  const price = merged.price === undefined ? priceOf(agent.model, modelsFile) : undefined;
  return price === undefined ? agent : await MAKERS[type]({ ...merged, price });
}

/** Each adapter is loaded on use: none of them is needed to run the others. */
const MAKERS: Record<AgentType, (config: CreateAgentConfig) => Promise<Agent>> = {
  claude: async (config) => (await import('./claude.ts')).claudeAgent(config),
  openai: async (config) => (await import('./openai.ts')).openaiAgent(config),
  openai_compatible: async (config) => (await import('./openai-compatible.ts')).openaiCompatibleAgent(config),
  gemini: async (config) => (await import('./gemini.ts')).geminiAgent(config),
  browser: async (config) => await (await import('./browser-agent.ts')).browserAgent(config),
  claude_code: async (config) => (await import('./harness/claude-code.ts')).claudeCodeAgent(config),
  codex: async (config) => (await import('./harness/codex.ts')).codexAgent(config),
  oracle: async () => (await import('./oracle.ts')).oracle,
  nop: async () => (await import('./nop.ts')).nop,
};
