/** A reply of a chat completions server as a turn of the model. */
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { Sample, ToolCall } from '../protocol/trace.ts';
import type { Choice, Completion } from './chat-completion.ts';
import type { ModelTurn } from './model.ts';
import { parseArguments } from './openai-turn.ts';

export function turnOf({ choice, model, usage }: Completion): ModelTurn {
  const { message } = choice;
  const reasoning = reasoningOf(message as unknown as JsonObject);
  const toolCalls = (message.tool_calls ?? []).flatMap((call): ToolCall[] =>
    call.type === 'function' ? [{ id: call.id, name: call.function.name, arguments: parseArguments(call.function.arguments) }] : [],
  );
  const sample = sampleOf(choice);
  return {
    content: message.content ?? message.refusal ?? null,
    ...(reasoning === '' ? {} : { reasoning }),
    ...(message.refusal ? { refusal: message.refusal } : {}),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: choice.finish_reason,
    citations: (message.annotations ?? []).map(({ url_citation: { url, title, start_index: startIndex, end_index: endIndex } }) => ({
      type: 'url_citation',
      text: (message.content ?? '').slice(startIndex, endIndex),
      source: url,
      title,
      startIndex,
      endIndex,
    })),
    model,
    raw: choice,
    ...(usage === undefined
      ? {}
      : {
          usage: {
            promptTokens: usage.prompt_tokens,
            completionTokens: usage.completion_tokens,
            cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
            llmCallCount: 1,
          },
        }),
    ...(sample === undefined ? {} : { sample }),
  };
}

/** Thoughts by the names that servers have for them; the detailed form is a list of texts and summaries. */
function reasoningOf({ reasoning_content: content, reasoning, reasoning_details: details }: JsonObject): string {
  const text = content ?? reasoning;
  if (typeof text === 'string' && text !== '') return text;
  const entries = Array.isArray(details) ? details.filter(isPlainObject) : [];
  return entries
    .map((entry) => entry.text ?? entry.summary)
    .filter((part) => typeof part === 'string')
    .join('');
}

/** What was sampled, where the server says so: the ids, and one log-probability for each. */
function sampleOf(choice: Choice): Sample | undefined {
  const { token_ids: ids, prompt_token_ids: promptIds, prompt_chunks: chunks, logprobs } = choice;
  if (!Array.isArray(ids) || (!Array.isArray(promptIds) && !Array.isArray(chunks))) return undefined;
  const entries = isPlainObject(logprobs) && Array.isArray(logprobs.content) ? (logprobs.content as { logprob: number }[]) : [];
  return {
    ...(Array.isArray(promptIds) ? { promptTokenIds: promptIds as number[] } : {}),
    ...(Array.isArray(chunks) ? { promptChunks: chunks as JsonObject[] } : {}),
    outputTokenIds: ids as number[],
    outputLogprobs: entries.map(({ logprob }) => logprob),
  };
}
