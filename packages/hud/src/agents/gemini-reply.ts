/** A reply of Gemini's, whole or put together from its stream, as a turn of the model. */
import type { Candidate, GenerateContentResponse, Part, UsageMetadata } from '@google/genai';
import { HudError } from '../protocol/errors.ts';
import type { ToolCall } from '../protocol/trace.ts';
import type { AskContext, ModelTurn } from './model.ts';

export const PROVIDER = 'google';
const REFUSED: ReadonlySet<string> = new Set(['SAFETY', 'PROHIBITED_CONTENT', 'BLOCKLIST', 'SPII']);

export interface Reply {
  candidate: Candidate | undefined;
  parts: Part[];
  usage: GenerateContentResponse['usageMetadata'];
  model: string | undefined;
  blockReason: string | undefined;
}

/** A blocked prompt stays blocked; an empty reply may come out better the next time. */
export function noCandidates(blockReason: string | undefined): HudError {
  if (blockReason === undefined)
    return new HudError('MODEL_UNAVAILABLE', `${PROVIDER}: the reply has no candidates.`, { data: { provider: PROVIDER } });
  return new HudError('MODEL_BAD_REQUEST', `${PROVIDER}: the prompt was blocked (${blockReason}).`, {
    hint: "The vendor's filter objects to what the prompt says: reword it, or use another model.",
    data: { provider: PROVIDER },
  });
}

export function replyOf(response: GenerateContentResponse): Reply {
  const candidate = response.candidates?.[0];
  return {
    candidate,
    parts: (candidate?.content?.parts ?? []).filter((part) => part.text !== '' || part.thoughtSignature !== undefined),
    usage: response.usageMetadata,
    model: response.modelVersion,
    blockReason: response.promptFeedback?.blockReason,
  };
}

/** Each piece is a response of its own; one without a finish reason at the end was cut. */
export async function streamed(pieces: AsyncIterable<GenerateContentResponse>, onText: AskContext['onText']): Promise<Reply> {
  const whole: Reply = { candidate: undefined, parts: [], usage: undefined, model: undefined, blockReason: undefined };
  for await (const piece of pieces) {
    const { candidate, parts, usage, model, blockReason } = replyOf(piece);
    whole.usage = usage ?? whole.usage;
    whole.model = model ?? whole.model;
    whole.blockReason = blockReason ?? whole.blockReason;
    if (candidate !== undefined) whole.candidate = { ...whole.candidate, ...candidate };
    for (const part of parts) {
      if (part.text !== undefined && part.thought !== true) onText?.(part.text);
      append(whole.parts, part);
    }
  }
  if (whole.blockReason === undefined && whole.candidate?.finishReason === undefined)
    throw new Error('the stream ended before the reply was complete');
  return whole;
}

/** Whether the next piece is due at once: not after thoughts, which are summaries, nor after calls, which come whole. */
export function isMidItem({ candidates: [candidate] = [] }: GenerateContentResponse): boolean {
  const last = candidate?.content?.parts?.at(-1);
  return candidate?.finishReason !== undefined || (last?.text !== undefined && last.text !== '' && last.thought !== true);
}

/** Texts of one kind that follow each other are one part, as a whole reply would have it. */
function append(parts: Part[], part: Part): void {
  const last = parts.at(-1);
  const isMoreOfIt =
    last?.text !== undefined && part.text !== undefined && last.thought === part.thought && last.thoughtSignature === undefined;
  if (isMoreOfIt) parts[parts.length - 1] = { ...last, ...part, text: `${last.text}${part.text}` };
  else parts.push(part);
}

/** @param toolCalls those of the parts, as the agent's tools take them */
export function turnOf(candidate: Candidate, { parts, usage, model }: Reply, toolCalls: ToolCall[]): ModelTurn {
  const texts = parts.flatMap((part) => (part.text !== undefined && part.thought !== true ? [part.text] : []));
  const thoughts = parts.flatMap((part) => (part.text !== undefined && part.thought === true ? [part.text] : []));
  return {
    content: texts.length === 0 ? null : texts.join(''),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join('\n') }),
    toolCalls,
    done: toolCalls.length === 0,
    finishReason: candidate.finishReason ?? null,
    ...(REFUSED.has(String(candidate.finishReason)) ? { refusal: candidate.finishMessage ?? `refused (${candidate.finishReason})` } : {}),
    citations: citationsOf(candidate, texts.join('')),
    raw: { candidate, parts },
    ...(model === undefined ? {} : { model }),
    ...(usage === undefined ? {} : { usage: usageOf(usage) }),
  };
}

function usageOf(usage: UsageMetadata | NonNullable<GenerateContentResponse['usageMetadata']>): NonNullable<ModelTurn['usage']> {
  const counts = usage as {
    promptTokenCount?: number;
    candidatesTokenCount?: number;
    thoughtsTokenCount?: number;
    cachedContentTokenCount?: number;
  };
  return {
    promptTokens: counts.promptTokenCount ?? 0,
    completionTokens: (counts.candidatesTokenCount ?? 0) + (counts.thoughtsTokenCount ?? 0),
    cachedTokens: counts.cachedContentTokenCount ?? 0,
    llmCallCount: 1,
  };
}

/** Supported passages with their sources; sources that no passage names come last. */
function citationsOf({ groundingMetadata }: Candidate, text: string): NonNullable<ModelTurn['citations']> {
  const chunks = groundingMetadata?.groundingChunks ?? [];
  const sourceOf = (index: number): { source: string; title?: string } => {
    const web = chunks[index]?.web;
    return { source: web?.uri ?? '', ...(web?.title === undefined ? {} : { title: web.title }) };
  };
  const named = new Set<number>();
  const supported = (groundingMetadata?.groundingSupports ?? []).flatMap(({ segment, groundingChunkIndices = [] }) => {
    const place =
      segment === undefined ? {} : { startIndex: charsBefore(text, segment.startIndex), endIndex: charsBefore(text, segment.endIndex) };
    return groundingChunkIndices.map((index) => {
      named.add(index);
      return { type: 'grounding', text: segment?.text ?? '', ...sourceOf(index), ...place };
    });
  });
  const rest = [...chunks.keys()].filter((index) => !named.has(index));
  return [...supported, ...rest.map((index) => ({ type: 'grounding', text: '', ...sourceOf(index) }))];
}

/** The API counts bytes of UTF-8, and leaves out a zero. */
function charsBefore(text: string, bytes = 0): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, bytes)).length;
}
