/** For tests: one run of Claude's or OpenAI's agent, played by a scripted model, in an environment with capabilities. */
import { z } from 'zod';
import type { Agent } from '../src/agents/agent.ts';
import { claudeAgent, type ClaudeConfig } from '../src/agents/claude.ts';
import { openaiAgent, type OpenAIConfig } from '../src/agents/openai.ts';
import type { Run } from '../src/client/index.ts';
import { Environment } from '../src/environment/index.ts';
import { Taskset } from '../src/eval/index.ts';
import type { Capability } from '../src/protocol/capability.ts';
import type { JsonObject } from '../src/protocol/json.ts';
import { LocalRuntime } from '../src/runtime/index.ts';
import { scriptedModel, type ModelServer, type ModelTurn } from '../src/testing/index.ts';

export interface Played {
  run: Run;
  server: ModelServer;
  body(index: number): JsonObject;
  results: (JsonObject & { call: JsonObject; result: { isError: boolean; content: { text?: string; data?: string; type: string }[] } })[];
}

export async function play(capabilities: Capability[], turns: ModelTurn[], makeAgent: (server: ModelServer) => Agent): Promise<Played> {
  await using server = await scriptedModel(turns);
  const env = new Environment('native');
  for (const capability of capabilities) env.addCapability(capability);
  const work = env.template({ id: 'work', args: z.object({}) }, async function* () {
    yield (yield 'Do it.') === 'Done.' ? 1 : 0;
  });
  const job = await new Taskset('native', [work({})]).run(makeAgent(server), { runtime: new LocalRuntime(env), store: false });
  const run = job.runs[0] as Run;
  const results = run.trace.steps.filter(({ source }) => source === 'tool') as unknown as Played['results'];
  return { run, server, results, body: (index) => server.requests[index]?.body ?? {} };
}

export const claude =
  (config: ClaudeConfig = {}) =>
  (server: ModelServer): Agent =>
    claudeAgent({ apiKey: 'k', baseUrl: server.baseUrls.anthropic, maxRetries: 0, ...config });
export const openai =
  (config: OpenAIConfig = {}) =>
  (server: ModelServer): Agent =>
    openaiAgent({ apiKey: 'k', baseUrl: server.baseUrls.openai, maxRetries: 0, ...config });
export const DONE: ModelTurn = { text: 'Done.' };
export const call = (name: string, args: JsonObject): ModelTurn => ({ toolCalls: [{ name, arguments: args }] });
