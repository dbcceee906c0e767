/** What a scripted turn leaves unsaid, filled in alike for every dialect. */
import { isPlainObject, type JsonObject } from '../../protocol/index.ts';
import type { ModelRequest, ModelTurn } from '../model-script.ts';
import { parseObject } from './conversation.ts';

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
}

export interface Call {
  id: string;
  /** Whether the script chose the id. */
  named: boolean;
  name: string;
  /** The arguments as JSON text, or the text that is no JSON. */
  text: string;
  /** Undefined when the text is no JSON object. */
  object: JsonObject | undefined;
}

interface Citation {
  url: string;
  title: string;
  text: string;
  startIndex: number;
  endIndex: number;
}

export function finishReasonOf(turn: ModelTurn): NonNullable<ModelTurn['finishReason']> {
  return turn.finishReason ?? (turn.toolCalls?.length ? 'tool_calls' : 'stop');
}

export function usageOf(request: ModelRequest, turn: ModelTurn): Usage {
  const answer = [turn.text, turn.reasoning, ...(turn.toolCalls ?? []).map((call) => JSON.stringify(call))].join('');
  return {
    promptTokens: turn.usage?.promptTokens ?? turn.promptTokenIds?.length ?? estimate(JSON.stringify(request.messages)),
    completionTokens: turn.usage?.completionTokens ?? turn.tokenIds?.length ?? estimate(answer),
    cachedTokens: turn.usage?.cachedTokens ?? 0,
    reasoningTokens: turn.usage?.reasoningTokens ?? 0,
  };
}

/** @param prefix what the vendor's ids start with */
export function callsOf(request: ModelRequest, turn: ModelTurn, prefix: string): Call[] {
  return (turn.toolCalls ?? []).map((call, position) => ({
    id: call.id ?? `${prefix}_${request.index}_${position}`,
    named: call.id !== undefined,
    name: call.name,
    text: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
    object: isPlainObject(call.arguments) ? call.arguments : parseObject(call.arguments),
  }));
}

export function citationsOf(turn: ModelTurn): Citation[] {
  const whole = turn.text ?? '';
  return (turn.citations ?? []).map((citation) => {
    const found = citation.text === undefined ? -1 : whole.indexOf(citation.text);
    const startIndex = citation.startIndex ?? Math.max(found, 0);
    const endIndex = citation.endIndex ?? (found < 0 ? whole.length : startIndex + (citation.text?.length ?? 0));
    const text = citation.text ?? whole.slice(startIndex, endIndex);
    return { url: citation.url, title: citation.title ?? citation.url, text, startIndex, endIndex };
  });
}

/** Splits a text as a stream does: into short pieces, never inside a character. */
export function pieces(text: string): string[] {
  const characters = [...text];
  const out: string[] = [];
  for (let i = 0; i < characters.length; i += PIECE_CHARACTERS) {
    out.push(characters.slice(i, i + PIECE_CHARACTERS).join(''));
  }
  return out;
}

const PIECE_CHARACTERS = 10;
const CHARACTERS_PER_TOKEN = 4;

function estimate(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}
