/** A name (of an agent or a model) → an agent, ready to run. */
import { HudError } from '../protocol/errors.ts';
import type { Agent } from './agent.ts';
import { resolveModel } from './catalogue.ts';
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
  // Each adapter is loaded on use: none of them is needed to run the others.
  switch (type) {
    case 'claude': return (await import('./claude.ts')).claudeAgent(merged);
    case 'openai': return (await import('./openai.ts')).openaiAgent(merged);
    case 'gemini': return (await import('./gemini.ts')).geminiAgent(merged);
    case 'openai_compatible': {
      if (merged.model === undefined) {
        throw new HudError('BAD_ARGUMENT', 'The agent openai_compatible needs a model.', { hint: 'Pass --model NAME, or { model: … }.' });
      }
      return (await import('./openai-compatible.ts')).openaiCompatibleAgent(merged);
    }
    case 'oracle': return (await import('./oracle.ts')).oracle;
    case 'nop': return (await import('./nop.ts')).nop;
  }
}
