/** The contract of one model API: hold a conversation, ask for the next turn, take tool results. */
import type { AgentStep, PromptMessage, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { Reach } from './tools/reach.ts';
import type { AgentTool } from './tools/tool.ts';

export interface ConversationInit {
  messages: readonly PromptMessage[];
  tools: readonly AgentTool[];
  systemPrompt: string | undefined;
}

export interface AskContext {
  signal: AbortSignal;
  /** Sent as the header `Trace-Id` where requests go through a gateway. */
  traceId: string;
  /** The recorded run whose replies a gateway gives again, in place of a model: header `Hud-Replay`. */
  replayOf?: string;
  /** Text as it arrives, where the API streams. */
  onText?: (delta: string) => void;
}

/** What the model said in one turn; the loop stamps times and records it. */
export type ModelTurn = Omit<AgentStep, 'source' | 'stepId' | 'messages' | 'error' | 'startedAt' | 'endedAt'>;

/** One run's conversation. All state of a run lives here, never on the agent. */
export interface Conversation {
  /**
   * One request. Sends nothing twice and retries nothing: the loop does.
   * Arguments of a tool call that are no JSON object stay a string.
   * @throws HudError of class `provider`, with `data: { status?, retryAfterMs? }` where known, and `noRetry: true`
   *   where asking again would pay twice
   */
  ask(context: AskContext): Promise<ModelTurn>;
  /** Answers all tool calls of the last turn, in their order. */
  addResults(results: readonly { call: ToolCall; result: ToolResult }[]): void;
  addUserText(text: string): void;
}

export interface ModelAdapter {
  /** `anthropic`, `openai`, `google`, or the host of a compatible server. */
  readonly provider: string;
  readonly model: string;
  /** The tools of this API over what the environment offers, in the order in which the model is told of them; MCP tools follow. */
  tools?(reach: Reach): AgentTool[] | Promise<AgentTool[]>;
  begin(init: ConversationInit): Conversation;
}
