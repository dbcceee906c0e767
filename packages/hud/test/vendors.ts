/** For the tests of the model adapters: a conversation with a scripted server, by the name of the agent. */
import type { JsonObject } from '../src/protocol/json.ts';
import type { PromptMessage } from '../src/protocol/trace.ts';
import { scriptedModel, type ModelScript, type ModelServer } from '../src/testing/index.ts';
import { claudeAdapter } from '../src/agents/claude.ts';
import type { ToolAgentConfig } from '../src/agents/config.ts';
import { geminiAdapter } from '../src/agents/gemini.ts';
import type { Conversation, ConversationInit, ModelAdapter, ModelTurn } from '../src/agents/model.ts';
import { openaiCompatibleAdapter } from '../src/agents/openai-compatible.ts';
import { openaiAdapter } from '../src/agents/openai.ts';
import { textResult, type AgentTool } from '../src/agents/tools/tool.ts';

type Base = keyof ModelServer['baseUrls'];

export interface Vendor {
  adapter: (config: ToolAgentConfig) => ModelAdapter;
  base: Base;
  finish: { stop: string; toolCalls: string; length: string };
}

export const VENDORS: Record<string, Vendor> = {
  claude: { adapter: claudeAdapter, base: 'anthropic', finish: { stop: 'end_turn', toolCalls: 'tool_use', length: 'max_tokens' } },
  openai: { adapter: openaiAdapter, base: 'openai', finish: { stop: 'stop', toolCalls: 'tool_calls', length: 'max_output_tokens' } },
  'openai-compatible': {
    adapter: openaiCompatibleAdapter,
    base: 'openai',
    finish: { stop: 'stop', toolCalls: 'tool_calls', length: 'length' },
  },
  gemini: { adapter: geminiAdapter, base: 'gemini', finish: { stop: 'STOP', toolCalls: 'STOP', length: 'MAX_TOKENS' } },
};

export const WEATHER: AgentTool = {
  name: 'weather',
  description: 'Says how the weather is.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' }, unit: { type: 'string' } }, required: ['city'] },
  execute: ({ city }) => Promise.resolve(textResult(`${String(city)}: rain`)),
};
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const IMAGE = { type: 'image', data: PIXEL, mimeType: 'image/png' };
export const HELLO: PromptMessage = { role: 'user', content: { type: 'text', text: 'Hello' } };

export interface Talk extends AsyncDisposable {
  server: ModelServer;
  conversation: Conversation;
  ask(signal?: AbortSignal, onText?: (delta: string) => void): Promise<ModelTurn>;
  body(index: number): JsonObject;
}

export async function talk(
  vendor: string,
  script: ModelScript,
  config: ToolAgentConfig & JsonObject = {},
  init: Partial<ConversationInit> = {},
): Promise<Talk> {
  const { adapter, base } = VENDORS[vendor]!;
  const server = await scriptedModel(script);
  const conversation = adapter({ apiKey: 'k', baseUrl: server.baseUrls[base], ...config }).begin({
    messages: [HELLO],
    tools: [WEATHER],
    systemPrompt: undefined,
    ...init,
  });
  return {
    server,
    conversation,
    ask: (signal = new AbortController().signal, onText) =>
      conversation.ask({ signal, traceId: 'a'.repeat(32), ...(onText && { onText }) }),
    body: (index) => server.requests[index]!.body,
    [Symbol.asyncDispose]: () => server.close(),
  };
}
