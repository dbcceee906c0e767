/** A name (of an agent or a model) → an agent, ready to run. */
import { HudError } from '../protocol/errors.ts';
import type { Agent } from './agent.ts';
import { resolveModel, type AgentType } from './catalogue.ts';
import type { ToolAgentConfig } from './config.ts';
import { readSetting } from './settings.ts';

/** Settings of every agent, and the chosen one's own (`maxTokens`, `temperature`, `completionKwargs`, …). */
export type CreateAgentConfig = ToolAgentConfig & Record<string, unknown>;

/**
 * `createAgent('claude-sonnet-4-6')`, `createAgent('oracle')`, `createAgent('openai', { model: 'gpt-5.5' })`.
 * @throws HudError AGENT_UNKNOWN with near names; MODEL_KEY_MISSING before anything runs
 */
export async function createAgent(name: string, config: CreateAgentConfig = {}): Promise<Agent> {
  const { type, apiKeyVariable, ...found } = await resolveModel(name);
  const apiKey = apiKeyVariable === undefined ? undefined : readSetting(apiKeyVariable);
  const merged: CreateAgentConfig = { ...found, ...(apiKey === undefined ? {} : { apiKey }), ...config };
  if (type === 'openai_compatible' && merged.model === undefined) {
    throw new HudError('BAD_ARGUMENT', 'The agent openai_compatible needs a model.', { hint: 'Pass --model NAME, or { model: … }.' });
  }
  return await MAKERS[type](merged);
}

/** Each adapter is loaded on use: none of them is needed to run the others. */
const MAKERS: Record<AgentType, (config: CreateAgentConfig) => Promise<Agent>> = {
  claude: async (config) => (await import('./claude.ts')).claudeAgent(config),
  openai: async (config) => (await import('./openai.ts')).openaiAgent(config),
  openai_compatible: async (config) => (await import('./openai-compatible.ts')).openaiCompatibleAgent(config),
  gemini: async (config) => (await import('./gemini.ts')).geminiAgent(config),
  oracle: async () => (await import('./oracle.ts')).oracle,
  nop: async () => (await import('./nop.ts')).nop,
};
