/** The loop: ask the model, call its tools, record both, until it is done or a limit is reached. */
import type { Run } from '../client/run.ts';
import { nodeHost } from '../host/node.ts';
import { sleep, withSignal } from '../host/host.ts';
import { HudError, isHudError, messageOf, toHudError } from '../protocol/errors.ts';
import { isPlainObject } from '../protocol/json.ts';
import type { ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Agent, AgentContext } from './agent.ts';
import { responderOf, type AutoRespond } from './auto-respond.ts';
import { TRUNCATED, type ToolAgentConfig } from './config.ts';
import type { Conversation, ModelAdapter, ModelTurn } from './model.ts';
import { capabilityTools } from './tools/capability-tools.ts';
import { textResult, type AgentTool } from './tools/tool.ts';

const DEFAULT_MAX_STEPS = 10;
const DEFAULT_MAX_RETRIES = 5;
const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 30_000;
const QUOTED_CHARS = 200;

/** An agent out of a model adapter; `configure` makes the same agent with other settings. */
export function toolAgent<C extends ToolAgentConfig>(name: string, config: C, makeAdapter: (config: C) => ModelAdapter): Agent {
  const adapter = makeAdapter(config);
  const autoRespond = responderOf(config.autoRespond);
  return {
    name,
    model: adapter.model,
    ...(config.timeoutSeconds === undefined ? {} : { timeoutSeconds: config.timeoutSeconds }),
    run: async (run, context) => await drive(run, context, adapter, { ...config, autoRespond }),
    withConfig: (overrides) => toolAgent(name, { ...config, ...overrides }, makeAdapter),
  };
}

type LoopConfig = Omit<ToolAgentConfig, 'autoRespond'> & { autoRespond: AutoRespond | undefined };

/** Rejects when the model's API fails: whoever runs the agent records and grades. */
async function drive(run: Run, { signal }: AgentContext, adapter: ModelAdapter, config: LoopConfig): Promise<void> {
  const tools = await capabilityTools(run);
  const conversation = adapter.begin({ messages: run.promptMessages, tools, systemPrompt: config.systemPrompt });
  const maxSteps = config.maxSteps ?? DEFAULT_MAX_STEPS;
  run.trace.status = 'completed';
  for (let step = 1; step <= maxSteps; step++) {
    const turn = await takeTurn(run, conversation, adapter, config, signal);
    run.trace.content = turn.content ?? undefined;
    const isTruncated = TRUNCATED.has(turn.finishReason ?? '');
    run.trace.stopReason = isTruncated ? 'length' : 'done';
    const calls = turn.toolCalls ?? [];
    if (turn.done === true || calls.length === 0) {
      const reply = step < maxSteps && !isTruncated ? await config.autoRespond?.(turn.content ?? '', { signal }) : undefined;
      if (reply === undefined) return;
      conversation.addUserText(reply);
      run.record({ source: 'user', messages: [{ role: 'user', content: { type: 'text', text: reply } }] });
      continue;
    }
    const stop = stopReason(calls, isTruncated, config);
    if (stop !== undefined) {
      run.trace.stopReason = stop;
      return;
    }
    conversation.addResults(await callTools(run, calls, tools, config, signal));
  }
  run.trace.stopReason = 'max_steps';
}

/** One recorded turn, after as many tries as the failures of its kind allow. */
async function takeTurn(run: Run, conversation: Conversation, adapter: ModelAdapter, config: LoopConfig, signal: AbortSignal): Promise<ModelTurn> {
  const startedAt = new Date().toISOString();
  const failures: string[] = [];
  for (;;) {
    try {
      const turn = await withSignal(conversation.ask({ signal, traceId: run.traceId }), signal);
      const extra = failures.length === 0 ? {} : { extra: { retries: failures.length, failures } };
      run.record({ ...turn, source: 'agent', model: turn.model ?? adapter.model, startedAt, ...extra });
      return turn;
    } catch (error) {
      signal.throwIfAborted();
      const fault = toHudError(error, 'MODEL_UNAVAILABLE');
      if (!isTransient(fault) || failures.length >= (config.maxRetries ?? DEFAULT_MAX_RETRIES)) throw fault;
      failures.push(fault.message);
      await sleep(nodeHost, retryDelayMs(fault, failures.length), signal);
    }
  }
}

function isTransient(error: HudError): boolean {
  return error.code === 'MODEL_RATE_LIMITED' || error.code === 'MODEL_UNAVAILABLE';
}

/** What the server asks for, else exponential with jitter. */
function retryDelayMs(error: HudError, attempt: number): number {
  const asked = error.data?.retryAfterMs;
  if (typeof asked === 'number' && asked >= 0) return Math.min(asked, RETRY_MAX_MS);
  return Math.min(RETRY_BASE_MS * 2 ** (attempt - 1), RETRY_MAX_MS) * (0.5 + Math.random() / 2);
}

function stopReason(calls: readonly ToolCall[], isTruncated: boolean, { stopOn = [] }: LoopConfig): 'length' | 'malformed_tool_call' | undefined {
  if (isTruncated && stopOn.includes('length')) return 'length';
  if (stopOn.includes('malformed_tool_call') && calls.some((call) => typeof call.arguments === 'string')) return 'malformed_tool_call';
  return undefined;
}

/** One after the other: a later call sees what an earlier one did. */
async function callTools(
  run: Run, calls: readonly ToolCall[], tools: readonly AgentTool[], config: LoopConfig, signal: AbortSignal,
): Promise<{ call: ToolCall; result: ToolResult }[]> {
  const results: { call: ToolCall; result: ToolResult }[] = [];
  for (const call of calls) {
    const startedAt = new Date().toISOString();
    const result = { ...(await callTool(call, tools, config, signal)), callId: call.id };
    run.record({ source: 'tool', call, result, startedAt });
    results.push({ call, result });
  }
  return results;
}

async function callTool(call: ToolCall, tools: readonly AgentTool[], config: LoopConfig, signal: AbortSignal): Promise<ToolResult> {
  if (!isPlainObject(call.arguments)) return malformed(call);
  const tool = tools.find((candidate) => candidate.name === call.name);
  if (tool === undefined) return textResult(`unknown tool: '${call.name}'`, true);
  const seconds = config.toolTimeoutSeconds;
  const timeout = new AbortController();
  using _timer = seconds === undefined ? undefined : nodeHost.setTimer(seconds * 1000, () => timeout.abort());
  const either = AbortSignal.any([signal, timeout.signal]);
  try {
    return await withSignal(tool.execute(call.arguments, { signal: either }), either);
  } catch (error) {
    signal.throwIfAborted();
    if (isHudError(error) && error.code === 'CONNECTION_LOST') throw error;
    if (timeout.signal.aborted) return textResult(`${call.name} did not finish within ${seconds} s and was stopped. Try something shorter.`, true);
    return textResult(`tool error: ${messageOf(error)}`, true);
  }
}

function malformed(call: ToolCall): ToolResult {
  const text = String(call.arguments);
  const quoted = text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text;
  return textResult(`The arguments of ${call.name} are not a complete JSON object: ${quoted}\nCall it again with all of its arguments.`, true);
}
