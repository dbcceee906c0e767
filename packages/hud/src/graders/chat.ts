/** One question to a model behind an OpenAI-compatible endpoint, asked again while the trouble is passing. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { gatewayUrl, readSetting } from '../host/settings.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';

export interface ChatEndpoint {
  /** Without `/chat/completions`. */
  baseUrl: string;
  /** Absent: no `Authorization` header, for servers of one's own. */
  apiKey?: string | undefined;
}

export interface ChatQuestion {
  model: string;
  system: string;
  user: string;
  maxTokens: number;
}

export interface ChatLimits {
  /** When to give up, all tries and pauses included; milliseconds of the host's monotonic clock. */
  deadline: number;
  signal: AbortSignal | undefined;
}

const MAX_RETRIES = 4;
const RETRY_BASE_MS = 500;
const OPENAI_URL = 'https://api.openai.com/v1';

/**
 * Where the model is: what the caller says; else the gateway (HUD_GATEWAY_URL, or HUD_BASE_URL) when a key is
 * known; else what OPENAI_BASE_URL and OPENAI_API_KEY say, where a key alone means OpenAI itself. A key
 * out of the environment goes only to the address that stands beside it there, and one that the caller
 * passes never to an address that nobody named.
 * @throws HudError MODEL_KEY_MISSING when none of these is given, BAD_ARGUMENT for an address that is no URL
 */
export function findEndpoint(given: { baseUrl?: string | undefined; apiKey?: string | undefined }): ChatEndpoint {
  const { baseUrl, apiKey } = given;
  if (baseUrl !== undefined) return checked({ baseUrl, apiKey });
  const gatewayKey = apiKey ?? readSetting('HUD_API_KEY');
  const gateway = gatewayUrl();
  if (gateway !== undefined && gatewayKey !== undefined) return checked({ baseUrl: gateway, apiKey: gatewayKey });
  const otherUrl = readSetting('OPENAI_BASE_URL');
  const otherKey = readSetting('OPENAI_API_KEY');
  if (otherUrl !== undefined || otherKey !== undefined) return checked({ baseUrl: otherUrl ?? OPENAI_URL, apiKey: apiKey ?? otherKey });
  throw new HudError('MODEL_KEY_MISSING', 'The judge has no model to ask: no endpoint is known that it has a key for.', {
    hint: 'Pass baseUrl and apiKey, or set HUD_GATEWAY_URL and HUD_API_KEY, or OPENAI_BASE_URL and OPENAI_API_KEY.',
  });
}

/**
 * The text of the model's answer, `''` when it said nothing.
 * Status 408, 409, 429 and from 500 on (529 among them) and broken connections are tried again, at most
 * four times, after what `retry-after` asks or an exponential pause.
 * @throws HudError GRADE_FAILED with `data: { status?, attempts }`; or the signal's reason
 */
export async function ask(endpoint: ChatEndpoint, question: ChatQuestion, { deadline, signal }: ChatLimits): Promise<string> {
  for (let attempts = 1; ; attempts++) {
    const timeUp = AbortSignal.timeout(Math.max(0, Math.ceil(deadline - nodeHost.monotonic())));
    const reply = await post(endpoint, question, signal === undefined ? timeUp : AbortSignal.any([signal, timeUp]));
    signal?.throwIfAborted();
    if (typeof reply === 'string') return reply;
    const pauseMs = reply.retryAfterMs ?? RETRY_BASE_MS * 2 ** (attempts - 1) * (0.5 + Math.random() / 2);
    const isLast = !reply.isPassing || attempts > MAX_RETRIES || nodeHost.monotonic() + pauseMs >= deadline;
    if (isLast) throw failed(endpoint, question, reply, attempts);
    await sleep(nodeHost, pauseMs, signal);
  }
}

interface Trouble {
  what: string;
  status?: number;
  isPassing: boolean;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

async function post({ baseUrl, apiKey }: ChatEndpoint, question: ChatQuestion, signal: AbortSignal): Promise<string | Trouble> {
  try {
    const response = await fetch(chatUrl(baseUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify(requestBody(question)),
      signal,
    });
    const body = await response.text();
    return response.ok ? contentOf(body) : troubleOf(response, body);
  } catch (cause) {
    if (signal.aborted) return { what: 'it took too long to answer', isPassing: false, cause };
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause; // fetch hides the reason one level down
    return { what: messageOf(reason), isPassing: true, cause };
  }
}

function requestBody({ model, system, user, maxTokens }: ChatQuestion): JsonObject {
  return {
    model,
    max_tokens: maxTokens,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
  };
}

function contentOf(body: string): string | Trouble {
  const reply = tryJson(body);
  const [choice] = isPlainObject(reply) && Array.isArray(reply.choices) ? (reply.choices as unknown[]) : [];
  const message = isPlainObject(choice) ? choice.message : undefined;
  if (!isPlainObject(message)) return { what: `its reply is no chat completion: ${errorText(body)}`, isPassing: false };
  const { content } = message;
  if (!Array.isArray(content)) return typeof content === 'string' ? content : '';
  return content.map((part: unknown) => (isPlainObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

function troubleOf({ status, headers }: Response, body: string): Trouble {
  const isPassing = (status === 408 || status === 409 || status === 429 || status >= 500) && headers.get('x-should-retry') !== 'false';
  return { what: `status ${status}: ${errorText(body)}`, status, isPassing, retryAfterMs: retryAfterMs(headers.get('retry-after')) };
}

/** Seconds, or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const ms = Number.isNaN(Number(header)) ? Date.parse(header) - nodeHost.now() : Number(header) * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function errorText(body: string): string {
  const reply = tryJson(body);
  const error = isPlainObject(reply) ? reply.error : undefined;
  const message = isPlainObject(error) ? error.message : error;
  const text = typeof message === 'string' ? message : body;
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

const HINTS: Record<number, string> = {
  401: 'Check the key: the endpoint does not accept it.',
  402: 'The account behind the key has run out of credit.',
  403: 'The key may not use this model.',
  404: 'Pass a model that the endpoint serves, and a baseUrl to which /chat/completions can be appended.',
};

function failed({ baseUrl }: ChatEndpoint, { model }: ChatQuestion, { what, status, cause }: Trouble, attempts: number): HudError {
  const tries = attempts === 1 ? '' : ` after ${attempts} tries`;
  return new HudError('GRADE_FAILED', `The judge's model ${model} at ${chatUrl(baseUrl)} gave no answer${tries}: ${what}.`, {
    hint: HINTS[status ?? 0] ?? 'The answer is ungraded, not wrong: grade it again once the model can be reached.',
    data: { ...(status === undefined ? {} : { status }), attempts },
    cause,
  });
}

function checked(endpoint: ChatEndpoint): ChatEndpoint {
  if (/^https?:\/\//.test(endpoint.baseUrl) && URL.canParse(endpoint.baseUrl)) return endpoint;
  throw new HudError('BAD_ARGUMENT', `The judge's endpoint ${JSON.stringify(endpoint.baseUrl)} is no http or https URL.`);
}

/** A query or fragment stays behind the path. */
function chatUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/chat/completions`;
  return url.href;
}

function tryJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined; // not JSON, which the callers tell
  }
}
