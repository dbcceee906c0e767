/** Gemini's generateContent and streamGenerateContent. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../protocol/index.ts';
import type { ModelMessage, ModelRequest, ModelTurn } from '../model-script.ts';
import { appendToolResult, assertPaired, joinSystem, objectsIn, readArguments, stringIn, type Content } from './conversation.ts';
import { badRequest, type Dialect, type ErrorDetails, type WireRequest } from './dialect.ts';
import { callsOf, citationsOf, finishReasonOf, pieces, usageOf, type Call } from './turn.ts';

export const gemini: Dialect = { name: 'gemini', parse, reply, stream, streamType, error };

interface Part extends JsonObject {
  text?: string;
  thought?: true;
}

interface Candidate extends JsonObject {
  content?: { role: 'model'; parts: Part[] };
  finishReason: string;
}

interface Reply extends JsonObject {
  candidates: [Candidate];
}

function parse({ body, headers, path, model = '', stream: streaming = false }: WireRequest): Omit<ModelRequest, 'index'> {
  const contents = objectsIn(body['contents']);
  if (contents.length === 0) throw badRequest('contents: the request has none');
  const messages: ModelMessage[] = [];
  for (const content of contents) readMessage(content, messages);
  assertPaired(messages, 'contents', 'name');
  const [instruction] = objectsIn([body['systemInstruction'] ?? body['system_instruction']]);
  const system = instruction ? readParts(objectsIn(instruction['parts'])).text : '';
  return {
    dialect: 'gemini',
    model: decodeURIComponent(model),
    messages,
    stream: streaming,
    headers,
    body,
    path,
    system: joinSystem(system === '' ? [] : [system]),
    tools: objectsIn(body['tools']).flatMap(toolNames),
  };
}

/** Functions by name; Google's own tools by the key that turns them on. */
function toolNames(tool: JsonObject): string[] {
  return Object.entries(tool).flatMap(([key, value]) =>
    key === 'functionDeclarations' || key === 'function_declarations'
      ? objectsIn(value).map((declaration) => stringIn(declaration['name']))
      : [key],
  );
}

function readMessage(content: JsonObject, messages: ModelMessage[]): void {
  const parts = objectsIn(content['parts']);
  const said = readParts(parts);
  if (content['role'] === 'model') {
    const toolCalls = parts
      .flatMap((part) => objectsIn([part['functionCall']]))
      .map((call) => ({
        id: stringIn(call['id']) || stringIn(call['name']),
        name: stringIn(call['name']),
        arguments: readArguments(call['args'] ?? {}),
      }));
    messages.push({ role: 'assistant', ...said, ...(toolCalls.length > 0 && { toolCalls }) });
    return;
  }
  const responses = parts.flatMap((part) => objectsIn([part['functionResponse']]));
  for (const response of responses) {
    const name = stringIn(response['name']);
    const images = imagesIn(objectsIn(response['parts']));
    appendToolResult(messages, {
      callId: stringIn(response['id']) || name,
      name,
      text: JSON.stringify(response['response'] ?? {}),
      ...(images > 0 && { images }),
    });
  }
  if (responses.length === 0 || said.text !== '' || said.images) messages.push({ role: 'user', ...said });
}

function readParts(parts: readonly JsonObject[]): Content {
  const texts = parts.filter((part) => typeof part['text'] === 'string' && part['thought'] !== true);
  const images = imagesIn(parts);
  return { text: texts.map((part) => stringIn(part['text'])).join('\n'), ...(images > 0 && { images }) };
}

function imagesIn(parts: readonly JsonObject[]): number {
  return parts.flatMap((part) => objectsIn([part['inlineData'] ?? part['inline_data'] ?? part['fileData']])).length;
}

function reply(request: ModelRequest, turn: ModelTurn): Reply {
  const usage = usageOf(request, turn);
  return {
    candidates: [{ ...candidateOf(request, turn), index: 0 }],
    usageMetadata: {
      promptTokenCount: usage.promptTokens,
      candidatesTokenCount: usage.completionTokens - usage.reasoningTokens,
      totalTokenCount: usage.promptTokens + usage.completionTokens,
      ...(usage.cachedTokens > 0 && { cachedContentTokenCount: usage.cachedTokens }),
      ...(usage.reasoningTokens > 0 && { thoughtsTokenCount: usage.reasoningTokens }),
    },
    modelVersion: request.model,
    responseId: randomUUID(),
  };
}

function candidateOf(request: ModelRequest, turn: ModelTurn): Candidate {
  const finish = finishReasonOf(turn);
  if (finish === 'refusal') {
    return { finishReason: 'SAFETY', ...(turn.text !== undefined && { finishMessage: turn.text }) };
  }
  const calls = callsOf(request, turn, 'call');
  const broken = calls.find((call) => call.object === undefined);
  const parts: Part[] = [
    ...(turn.reasoning === undefined ? [] : [{ text: turn.reasoning, thought: true as const }]),
    ...(turn.text === undefined ? [] : [{ text: turn.text }]),
    ...(broken ? [] : calls.map(callPart)),
  ];
  const ending = broken
    ? { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: `Malformed function call: ${broken.name}(${broken.text})` }
    : { finishReason: finish === 'length' ? 'MAX_TOKENS' : 'STOP' };
  return { content: { role: 'model', parts }, ...ending, ...groundingOf(turn) };
}

/** Ids only where the script asks: the API sends them for some models and not for others. */
function callPart(call: Call, position: number): Part {
  return {
    functionCall: { name: call.name, args: call.object, ...(call.named && { id: call.id }) },
    ...(position === 0 && { thoughtSignature: Buffer.from(call.name).toString('base64') }),
  };
}

function groundingOf(turn: ModelTurn): JsonObject {
  const citations = citationsOf(turn);
  if (citations.length === 0) return {};
  const text = turn.text ?? '';
  const bytesBefore = (index: number): number => Buffer.byteLength(text.slice(0, index));
  return {
    groundingMetadata: {
      webSearchQueries: [],
      groundingChunks: citations.map(({ url, title }) => ({ web: { uri: url, title } })),
      groundingSupports: citations.map((citation, position) => ({
        // Google counts these in bytes of UTF-8.
        segment: { startIndex: bytesBefore(citation.startIndex), endIndex: bytesBefore(citation.endIndex), text: citation.text },
        groundingChunkIndices: [position],
      })),
    },
  };
}

function stream(body: JsonObject, request: ModelRequest): string[] {
  const {
    candidates: [candidate],
    usageMetadata,
    ...rest
  } = body as Reply;
  const { content, ...ending } = candidate;
  const parts = (content?.parts ?? []).flatMap((part) =>
    part.text === undefined ? [part] : pieces(part.text).map((text) => ({ ...part, text })),
  );
  const chunks: JsonObject[] = [
    ...parts.map((part) => ({ candidates: [{ content: { role: 'model', parts: [part] }, index: 0 }], ...rest })),
    { candidates: [{ ...(content && { content: { role: 'model', parts: [{ text: '' }] } }), ...ending }], usageMetadata, ...rest },
  ];
  if (isSse(request)) return chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`);
  return chunks.map((chunk, i) => `${i === 0 ? '[' : ',\r\n'}${JSON.stringify(chunk)}${i === chunks.length - 1 ? ']' : ''}`);
}

function streamType(request: ModelRequest): string {
  return isSse(request) ? 'text/event-stream' : 'application/json; charset=UTF-8';
}

/** Without `alt=sse` the stream is one JSON array that grows. */
function isSse(request: ModelRequest): boolean {
  return new URLSearchParams(request.path.split('?')[1] ?? '').get('alt') === 'sse';
}

function error(status: number, message: string, { retryAfter }: ErrorDetails = {}): JsonObject {
  const name = STATUS_NAMES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT');
  const details = retryAfter === undefined ? [] : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` }];
  return { error: { code: status, message, status: name, ...(details.length > 0 && { details }) } };
}

const STATUS_NAMES: Record<number, string> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  504: 'DEADLINE_EXCEEDED',
};
