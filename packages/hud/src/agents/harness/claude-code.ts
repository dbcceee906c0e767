/** Claude Code (npm package `@anthropic-ai/claude-code`), run inside the environment's shell. */
import type { Run } from '../../client/run.ts';
import { isPlainObject, type JsonObject } from '../../protocol/json.ts';
import type { AgentStep, ContentBlock, StopReason, ToolCall } from '../../protocol/trace.ts';
import type { Agent } from '../agent.ts';
import { cliAgent, type CliAgentConfig, type Command, type Ending, type Harness, type Invocation, type OutputReader } from './cli-agent.ts';

export interface ClaudeCodeConfig extends CliAgentConfig {
  /** @default "bypassPermissions": the sandbox is the wall */
  permissionMode?: 'acceptEdits' | 'bypassPermissions' | 'default' | 'plan';
  /** Tools it may use, as its `--allowedTools` names them. @default all that it has */
  allowedTools?: readonly string[];
}

/** @throws HudError MODEL_KEY_MISSING */
export function claudeCodeAgent(config: ClaudeCodeConfig = {}): Agent {
  return cliAgent(harnessOf(config), config);
}

function harnessOf({ permissionMode = 'bypassPermissions', allowedTools = [] }: ClaudeCodeConfig): Harness {
  return {
    name: 'claude-code',
    program: 'claude',
    defaultModel: 'claude-sonnet-4-6',
    vendor: { label: 'Claude Code', keyVariable: 'ANTHROPIC_API_KEY', baseUrlVariable: 'ANTHROPIC_BASE_URL' },
    vendorUrl: 'https://api.anthropic.com',
    keyHeaders: (key) => ({ 'x-api-key': key, authorization: `Bearer ${key}` }),
    command: (invocation) => commandOf(invocation, permissionMode, allowedTools),
    reader: (run, model) => new StreamJson(run, model),
  };
}

function commandOf(
  { model, url, servers, systemPrompt, maxSteps, home }: Invocation,
  permissionMode: string,
  tools: readonly string[],
): Command {
  const mcpServers = Object.fromEntries([...servers].map(([name, address]) => [name, { type: 'http', url: address }]));
  return {
    args: [
      '--print',
      '--verbose',
      '--output-format=stream-json',
      `--permission-mode=${permissionMode}`,
      `--model=${model}`,
      ...(maxSteps === undefined ? [] : ['--max-turns', String(maxSteps)]),
      ...(systemPrompt === undefined ? [] : ['--append-system-prompt', systemPrompt]),
      ...(tools.length === 0 ? [] : ['--allowedTools', ...tools]),
      ...(servers.size === 0 ? [] : ['--mcp-config', `${home}/mcp.json`, '--strict-mcp-config']),
    ],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: 'kept-outside',
      ANTHROPIC_MODEL: model,
      ANTHROPIC_SMALL_FAST_MODEL: model,
      ANTHROPIC_DEFAULT_OPUS_MODEL: model,
      ANTHROPIC_DEFAULT_SONNET_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_SUBAGENT_MODEL: model,
      CLAUDE_CONFIG_DIR: home,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1',
    },
    ...(servers.size === 0 ? {} : { files: { 'mcp.json': JSON.stringify({ mcpServers }) } }),
  };
}

/** Its `stream-json`: each block of a reply comes as a message of its own, under the reply's id. */
class StreamJson implements OutputReader {
  readonly #run: Run;
  readonly #model: string;
  readonly #calls = new Map<string, ToolCall>();
  #reply: { id: string; startedAt: string; content: JsonObject[]; message: JsonObject } | undefined;
  #ending: Ending = {};

  constructor(run: Run, model: string) {
    this.#run = run;
    this.#model = model;
  }

  read(event: JsonObject): void {
    const { type, message } = event;
    if (type === 'assistant' && isPlainObject(message)) return this.#said(message);
    this.#endReply();
    if (type === 'user' && isPlainObject(message)) for (const block of blocksOf(message)) this.#result(block);
    if (type === 'result') this.#ended(event);
  }

  ending(): Ending {
    this.#endReply();
    return this.#ending;
  }

  #said(message: JsonObject): void {
    const id = String(message.id);
    if (this.#reply?.id !== id) this.#endReply();
    this.#reply ??= { id, startedAt: new Date().toISOString(), content: [], message };
    this.#reply.content.push(...blocksOf(message));
  }

  #endReply(): void {
    const reply = this.#reply;
    if (reply === undefined) return;
    this.#reply = undefined;
    const of = (type: string, field: string): string =>
      reply.content.flatMap((block) => (block.type === type && typeof block[field] === 'string' ? [block[field]] : [])).join('\n');
    const toolCalls = reply.content.filter((block) => block.type === 'tool_use').map(callOf);
    for (const call of toolCalls) this.#calls.set(call.id, call);
    const [content, reasoning] = [of('text', 'text'), of('thinking', 'thinking')];
    const step: AgentStep = {
      source: 'agent',
      content: content === '' ? null : content,
      ...(reasoning === '' ? {} : { reasoning }),
      toolCalls,
      done: toolCalls.length === 0,
      model: String(reply.message.model ?? this.#model),
      startedAt: reply.startedAt,
    };
    this.#run.record(step);
  }

  #result(block: JsonObject): void {
    if (block.type !== 'tool_result') return;
    const id = String(block.tool_use_id);
    const call = this.#calls.get(id) ?? { id, name: 'unknown', arguments: {} };
    this.#run.record({ source: 'tool', call, result: { content: contentOf(block.content), isError: block.is_error === true, callId: id } });
  }

  #ended({ subtype, result, is_error: isError, ...event }: JsonObject): void {
    const { session_id, duration_ms, duration_api_ms, num_turns, total_cost_usd, usage } = event;
    const extra = { harness: 'claude-code', subtype, session_id, duration_ms, duration_api_ms, num_turns, total_cost_usd, usage };
    const hasHitLimit = subtype === 'error_max_turns';
    const reason: StopReason = hasHitLimit ? 'max_steps' : 'done';
    this.#ending = {
      reason,
      extra: JSON.parse(JSON.stringify(extra)) as JsonObject,
      ...(typeof result === 'string' && isError !== true ? { content: result } : {}),
      ...(isError === true && !hasHitLimit ? { error: typeof result === 'string' ? result : String(subtype) } : {}),
    };
  }
}

function blocksOf({ content }: JsonObject): JsonObject[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content.filter(isPlainObject) : [];
}

function callOf({ id, name, input }: JsonObject): ToolCall {
  return { id: String(id), name: String(name), arguments: isPlainObject(input) ? input : {} };
}

function contentOf(content: unknown): ContentBlock[] {
  return blocksOf({ content }).map((block): ContentBlock => {
    const { source } = block;
    if (block.type === 'image' && isPlainObject(source) && typeof source.data === 'string') {
      return { type: 'image', data: source.data, mimeType: String(source.media_type ?? 'image/png') };
    }
    return { type: 'text', text: typeof block.text === 'string' ? block.text : JSON.stringify(block) };
  });
}
