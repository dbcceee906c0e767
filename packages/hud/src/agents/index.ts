/**
 * Agents: the contract, the tool loop, one adapter for each model API, and two that need no model.
 * Schedules nothing and grades nothing.
 * Start with `agent.ts`, then `tool-agent.ts`.
 * @module
 */
export { asAgent, defineAgent, type Agent, type AgentContext, type AgentFunction, type AgentLike } from './agent.ts';
export { browserAgent, type BrowserAgentConfig } from './browser-agent.ts';
export { AGENT_TYPES, type AgentType } from './catalogue.ts';
export { claudeAgent, type ClaudeConfig } from './claude.ts';
export { claudeCodeAgent, type ClaudeCodeConfig } from './harness/claude-code.ts';
export { cliAgent, type CliAgentConfig, type Harness } from './harness/cli-agent.ts';
export { codexAgent } from './harness/codex.ts';
export { type Price, type ToolAgentConfig } from './config.ts';
export { createAgent, type CreateAgentConfig, type CreateAgentOptions } from './create-agent.ts';
export { geminiAgent, type GeminiConfig } from './gemini.ts';
export { type Conversation, type ModelAdapter, type ModelTurn } from './model.ts';
export { nop } from './nop.ts';
export { openaiCompatibleAgent, type OpenAICompatibleConfig } from './openai-compatible.ts';
export { openaiAgent, type OpenAIConfig } from './openai.ts';
export { oracle } from './oracle.ts';
export { toolAgent } from './tool-agent.ts';
export { textResult, type AgentTool } from './tools/tool.ts';
