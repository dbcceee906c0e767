/** Gemini's function calls as calls of the agent's tools, and what the tools say as its function responses. */
import type { Candidate, Content, FunctionCall, Part } from '@google/genai';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { ContentBlock, ToolCall, ToolResult } from '../protocol/trace.ts';
import type { ModelTurn } from './model.ts';
import { DROPPED_SCREENSHOT } from './context-policy.ts';
import { GEMINI_ACTIONS } from './tools/gemini-actions.ts';
import { GEMINI_COMPUTER, NO_PAGE } from './tools/gemini-computer.ts';
import { resultText, type AgentTool } from './tools/tool.ts';

/** A call that the API refused to read is no part of the conversation, and neither may be an answer to it. */
const MALFORMED = 'MALFORMED_FUNCTION_CALL';
const QUOTED_CHARS = 200;
const MALFORMED_PREFIX = /^Malformed function call:\s*/i;

/** Each under an id of its own: the API sends ids for some models only. */
export function callsOf(parts: readonly Part[], { finishReason, finishMessage }: Candidate, tools: readonly AgentTool[]): ToolCall[] {
  const calls = parts.flatMap(({ functionCall }) => (functionCall?.name === undefined ? [] : [callOf(functionCall, tools)]));
  return String(finishReason) === MALFORMED ? [...calls, malformedCall(finishMessage ?? '', tools)] : calls;
}

function callOf({ name = '', args, id }: FunctionCall, tools: readonly AgentTool[]): ToolCall {
  const given: JsonObject = isPlainObject(args) ? args : {};
  const common = { id: crypto.randomUUID(), ...(id === undefined ? {} : { geminiId: id }) };
  if (!isComputerFunction(name, tools)) return { ...common, name, arguments: given };
  return { ...common, name: GEMINI_COMPUTER, arguments: { ...given, action: name }, providerName: name };
}

/** A function that somebody declared goes before the API's own of the same name, which is not offered then. */
function isComputerFunction(name: string, tools: readonly AgentTool[]): boolean {
  const isDeclared = tools.some((tool) => tool.name === name && tool.native === undefined);
  return !isDeclared && Object.hasOwn(GEMINI_ACTIONS, name) && tools.some((tool) => tool.name === GEMINI_COMPUTER);
}

/** Its arguments are the text of which the API complains; the SDK keeps that to itself for now, and the name with it. */
function malformedCall(message: string, tools: readonly AgentTool[]): ToolCall {
  const text = message.replace(MALFORMED_PREFIX, '');
  const only = tools.length === 1 && tools[0]?.native === undefined ? tools[0]?.name : undefined;
  const names = [...tools.map(({ name }) => name), ...Object.keys(GEMINI_ACTIONS)];
  const words = text.match(/\w[\w-]*/g) ?? [];
  const name = words.find((word) => names.includes(word)) ?? words[0] ?? only ?? 'function';
  return { id: crypto.randomUUID(), name, arguments: text, isUnread: true };
}

/** The calls that the API wants a person to confirm first. */
export function unconfirmed(calls: readonly ToolCall[]): ToolCall[] {
  return calls.filter(({ arguments: args }) => isPlainObject(args) && isPlainObject(args.safety_decision));
}

/** The turn without its calls: nobody confirmed what they would do. */
export function stoppedTurn(turn: ModelTurn, calls: readonly ToolCall[]): ModelTurn {
  const asked = calls.map(reasonOf).join('; ');
  return {
    ...turn,
    content: turn.content ?? `Stopped: an action was to be confirmed first (${asked}).`,
    toolCalls: [],
    done: true,
    finishReason: 'safety_check',
    extra: { safetyChecks: asked, refusedCalls: turn.toolCalls },
  };
}

function reasonOf({ name, providerName = name, arguments: args }: ToolCall): string {
  const decision = isPlainObject(args) && isPlainObject(args.safety_decision) ? args.safety_decision : {};
  return typeof decision.explanation === 'string' ? `${providerName}: ${decision.explanation}` : providerName;
}

export function resultContent(results: readonly { call: ToolCall; result: ToolResult }[]): Content {
  return { role: 'user', parts: results.flatMap(({ call, result }) => resultParts(call, result)) };
}

function resultParts(call: ToolCall, result: ToolResult): Part[] {
  const text = resultText(result);
  const pictures = result.content.filter(({ type, data }) => type === 'image' && data !== undefined).map(partOf);
  if (call.isUnread === true) return [{ text: unreadNotice(call) }];
  const id = typeof call.geminiId === 'string' ? { id: call.geminiId } : {};
  const outcome = result.isError ? { error: text } : { success: true, output: text };
  if (call.name !== GEMINI_COMPUTER) return [{ functionResponse: { ...id, name: call.name, response: outcome } }, ...pictures];
  const page = isPlainObject(result.structuredContent) ? result.structuredContent.url : undefined;
  const confirmed = unconfirmed([call]).length === 0 ? {} : { safety_acknowledgement: true };
  const response = { ...outcome, url: page ?? NO_PAGE, ...confirmed };
  const name = call.providerName ?? call.name;
  return [{ functionResponse: { ...id, name, response, ...(pictures.length === 0 ? {} : { parts: pictures.map(inlineOnly) }) } }];
}

/** The loop's own words name a function, and often nobody knows which one it was. */
function unreadNotice({ arguments: text }: ToolCall): string {
  const quoted = typeof text === 'string' && text !== '' ? ` It was: ${text.slice(0, QUOTED_CHARS)}` : '';
  return `Your last function call could not be read, so it was not made. Make it again, with all of its arguments.${quoted}`;
}

/** Screenshots are inside of the responses; pictures of other tools stay. @returns whether there were any */
export function hasScreenshots({ parts = [] }: Content): boolean {
  return parts.some(({ functionResponse }) => functionResponse?.parts !== undefined);
}

export function dropScreenshots({ parts = [] }: Content): void {
  for (const { functionResponse } of parts) {
    if (functionResponse?.parts === undefined) continue;
    delete functionResponse.parts;
    functionResponse.response = { ...functionResponse.response, screenshot: DROPPED_SCREENSHOT };
  }
}

export function partOf(block: ContentBlock): Part {
  if (block.type === 'image' && block.data !== undefined)
    return { inlineData: { mimeType: block.mimeType ?? 'image/png', data: block.data } };
  return { text: block.text ?? `(${block.type})` };
}

function inlineOnly({ inlineData }: Part): Pick<Part, 'inlineData'> {
  return inlineData === undefined ? {} : { inlineData };
}
