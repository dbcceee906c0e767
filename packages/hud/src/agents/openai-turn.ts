/** A reply of the Responses API as a turn. */
import type OpenAI from 'openai';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';
import type { ToolCall } from '../protocol/trace.ts';
import type { ModelTurn } from './model.ts';
import { ownCall } from './openai-calls.ts';
import { dropNulls } from './strict-schema.ts';

type Responses = OpenAI.Responses.Response;

/** @param strict schemas by tool: optional arguments of those come as nulls */
export function turnOf(response: Responses, strict: ReadonlyMap<string, JsonObject>): ModelTurn {
  const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const texts = parts.flatMap((part) => (part.type === 'output_text' ? [part.text] : []));
  const refusals = parts.flatMap((part) => (part.type === 'refusal' ? [part.refusal] : []));
  const thoughts = response.output.flatMap((item) => (item.type === 'reasoning' ? item.summary.map(({ text }) => text) : []));
  const toolCalls = response.output.flatMap((item): ToolCall[] => {
    if (item.type === 'function_call') {
      return [{ id: item.call_id, name: item.name, arguments: argumentsOf(item.arguments, strict.get(item.name)) }];
    }
    const own = ownCall(item);
    return own === undefined ? [] : [own];
  });
  const { usage } = response;
  return {
    content: texts.length === 0 ? (refusals.length === 0 ? null : refusals.join('')) : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    ...(refusals.length === 0 ? {} : { refusal: refusals.join('') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: response.incomplete_details?.reason ?? (toolCalls.length === 0 ? 'stop' : 'tool_calls'),
    citations: parts.flatMap((part) =>
      part.type === 'output_text' ? part.annotations.flatMap((note) => citationOf(note, part.text)) : [],
    ),
    model: response.model,
    raw: response,
    ...(usage === undefined || usage === null
      ? {}
      : {
          usage: {
            promptTokens: usage.input_tokens,
            completionTokens: usage.output_tokens,
            cachedTokens: usage.input_tokens_details?.cached_tokens ?? 0,
            llmCallCount: 1,
          },
        }),
  };
}

/** The turn without its calls: nobody confirmed what they would do. */
export function stoppedTurn(turn: ModelTurn, checks: readonly { code?: string | null; message?: string | null }[]): ModelTurn {
  const asked = checks.map(({ code, message }) => message ?? code ?? 'no reason given').join('; ');
  return {
    ...turn,
    content: turn.content ?? `Stopped: an action was to be confirmed first (${asked}).`,
    toolCalls: [],
    done: true,
    finishReason: 'safety_check',
    extra: { safetyChecks: asked, refusedCalls: turn.toolCalls },
  };
}

type Annotation = OpenAI.Responses.ResponseOutputText['annotations'][number];

function citationOf(note: Annotation, text: string): NonNullable<ModelTurn['citations']> {
  if (note.type === 'url_citation') {
    const { start_index: startIndex, end_index: endIndex } = note;
    return [{ type: 'url_citation', text: text.slice(startIndex, endIndex), source: note.url, title: note.title, startIndex, endIndex }];
  }
  return note.type === 'file_citation' ? [{ type: 'file_citation', text: '', source: note.file_id, title: note.filename }] : [];
}

/** @param schema the tool's own, when the model was given its strict form */
function argumentsOf(text: string, schema: JsonObject | undefined): JsonObject | string {
  const args = parseArguments(text);
  return typeof args === 'string' || schema === undefined ? args : dropNulls(args, schema);
}

/** A model's arguments: an object, or the text as it is where that is no JSON object. */
export function parseArguments(text: string): JsonObject | string {
  try {
    const value = parseJson(text === '' ? '{}' : text);
    return isPlainObject(value) ? value : text;
  } catch {
    return text; // a malformed call keeps its text: it is answered, never executed
  }
}
