/** Reads a request: its body, and of the body only what routing needs to know. */
import type { IncomingMessage } from 'node:http';
import { findMembers, isTrue, numberMember, stringMember, type Span } from './members.ts';
import { Refusal } from './refusals.ts';
import type { GatewayRoute } from './routes.ts';

export interface Asked {
  /** The model's name as the caller says it; empty where the path names a reply. */
  model: string;
  /** Where the body has it; absent where the path does. */
  modelSpan?: Span;
  isStream: boolean;
  maxOutputTokens?: number;
  /** The reply that this request goes on from. */
  previousResponseId?: string;
}

const WANTED = new Set(['model', 'stream', 'n', 'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'previous_response_id']);
const GEMINI_WANTED = new Set(['generationConfig', 'generation_config']);
const GEMINI_LIMITS = new Set(['maxOutputTokens', 'max_output_tokens', 'candidateCount', 'candidate_count']);

/**
 * @param take is told of every piece, and may throw when there is no room for it
 * @throws Refusal 413 as soon as there is more than `mostBytes`, 400 when the caller leaves on the way
 */
export function readBody(request: IncomingMessage, mostBytes: number, take: (bytes: number) => void): Promise<Buffer> {
  const tooLarge = (): Refusal => new Refusal(413, `The request's body is larger than ${Math.floor(mostBytes / 1_048_576)} MiB.`);
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > mostBytes) return reject(tooLarge());
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size > mostBytes) {
        request.removeAllListeners('data').pause();
        return reject(tooLarge());
      }
      try {
        take(part.length);
      } catch (error) {
        request.removeAllListeners('data').pause();
        return reject(error);
      }
      parts.push(part);
    });
    request.on('end', () => resolve(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, size)));
    request.on('error', (cause) => reject(new Refusal(400, 'The request broke off.', { cause })));
  });
}

/** @throws Refusal 400 when the body does not say which model */
export function readAsked(route: GatewayRoute, body: Buffer): Asked {
  if (route.operation === 'manage') return { model: '', isStream: route.query.includes('stream=true') };
  if (route.model !== undefined) return { model: route.model, isStream: route.action === 'streamGenerateContent', ...geminiLimit(body) };
  const members = findMembers(body, WANTED);
  const modelSpan = members.get('model');
  const model = stringMember(body, modelSpan);
  if (model === undefined || model === '') {
    throw new Refusal(400, "The request's body has no 'model'. Name one of /gateway/models.", { code: 'model_required' });
  }
  const previousResponseId = stringMember(body, members.get('previous_response_id'));
  const most = numberMember(body, members.get('max_output_tokens') ?? members.get('max_completion_tokens') ?? members.get('max_tokens'));
  const choices = numberMember(body, members.get('n')) ?? 1;
  return {
    model,
    ...(modelSpan && { modelSpan }),
    isStream: isTrue(body, members.get('stream')),
    ...(most === undefined ? {} : { maxOutputTokens: most * Math.max(1, choices) }),
    ...(previousResponseId === undefined ? {} : { previousResponseId }),
  };
}

function geminiLimit(body: Buffer): { maxOutputTokens?: number } {
  const [config] = findMembers(body, GEMINI_WANTED).values();
  if (config === undefined || body[config.start] !== 0x7b) return {};
  const limits = findMembers(body, GEMINI_LIMITS, config.start);
  const most = numberMember(body, limits.get('maxOutputTokens') ?? limits.get('max_output_tokens'));
  const choices = numberMember(body, limits.get('candidateCount') ?? limits.get('candidate_count')) ?? 1;
  return most === undefined ? {} : { maxOutputTokens: most * Math.max(1, choices) };
}
