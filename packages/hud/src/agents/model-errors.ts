/** What the vendors' SDKs throw, as errors of one class that says whether to try again. */
import { HudError, isHudError, messageOf, type ErrorCode } from '../protocol/errors.ts';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';

const MESSAGE_CHARS = 500;

/**
 * @returns a HudError of class `provider` with `data: { provider, status?, requestId?, retryAfterMs? }`
 * @throws the signal's reason when it fired: an interrupted request is no fault of the provider
 */
export function modelError(error: unknown, provider: string, signal: AbortSignal): HudError {
  signal.throwIfAborted();
  if (isHudError(error)) return error;
  const { status, headers, requestID, request_id: requestId } = membersOf(error);
  const body = bodyOf(error);
  const message = messageIn(error, body);
  const httpStatus = typeof status === 'number' ? status : undefined;
  const { code, hint } = kindOf(httpStatus, typeOf(error, body), message);
  const id = requestID ?? requestId;
  const retryAfterMs = retryAfter(headers) ?? retryDelay(body);
  return new HudError(code, `${provider}${httpStatus === undefined ? '' : ` answered ${httpStatus}`}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
    data: {
      provider,
      ...(httpStatus === undefined ? {} : { status: httpStatus }),
      ...(typeof id === 'string' ? { requestId: id } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

interface Kind {
  code: ErrorCode;
  hint?: string;
}

const REFUSED: Kind = {
  code: 'MODEL_REFUSED',
  hint: 'Check the key, and that it may use this model: `hud doctor` shows which keys are set.',
};
const NO_CREDIT: Kind = { code: 'MODEL_REFUSED', hint: 'The account has no credit left.' };
const RATE_LIMITED: Kind = { code: 'MODEL_RATE_LIMITED', hint: 'Run fewer at once: --max-concurrent.' };
const UNKNOWN_MODEL: Kind = { code: 'MODEL_UNKNOWN', hint: 'Check the name of the model, and that the server has it.' };
const WRONG_ADDRESS: Kind = { code: 'MODEL_BAD_REQUEST', hint: 'Check the base URL: the server does not know this path.' };
const BAD_REQUEST: Kind = { code: 'MODEL_BAD_REQUEST', hint: 'The server refuses the request as it is: check the settings of the agent.' };
const NOT_RECORDED: Kind = {
  code: 'MODEL_BAD_REQUEST',
  hint: 'A replay answers only what was asked before: results of tools that change from run to run, and changes to prompts, tools or settings of the agent, make other requests. Run it without --replay.',
};
const UNAVAILABLE: Kind = {
  code: 'MODEL_UNAVAILABLE',
  hint: 'The server failed or could not be reached: try again later, or check the base URL.',
};

/** @param type the vendor's own word for it, all that an error inside a stream has */
function kindOf(status: number | undefined, type: string, message: string): Kind {
  if (status === 402 || type === 'insufficient_quota') return NO_CREDIT;
  if (status === undefined) return kindOfType(type);
  if (status === 401 || status === 403) return REFUSED;
  if (status === 429 || status === 529) return RATE_LIMITED;
  if (/\brecording of trace\b/.test(message)) return NOT_RECORDED;
  if (status === 404) return /model/i.test(`${type} ${message}`) ? UNKNOWN_MODEL : WRONG_ADDRESS;
  return status >= 400 && status < 500 && status !== 408 && status !== 409 ? BAD_REQUEST : UNAVAILABLE;
}

function kindOfType(type: string): Kind {
  if (/rate_limit|overloaded/.test(type)) return RATE_LIMITED;
  if (/authentication|permission/.test(type)) return REFUSED;
  return type.startsWith('invalid_') ? BAD_REQUEST : UNAVAILABLE; // a timeout, a connection that broke, a stream that was cut
}

function membersOf(value: unknown): Partial<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The vendor's error object: its SDK has parsed it, or, with Google's, left it in the message. */
function bodyOf(error: unknown): JsonObject {
  const { error: parsed } = membersOf(error);
  const body = isPlainObject(parsed) ? parsed : jsonIn(messageOf(error));
  return isPlainObject(body.error) ? body.error : body;
}

function jsonIn(text: string): JsonObject {
  const start = text.indexOf('{');
  if (start < 0) return {};
  try {
    const value = parseJson(text.slice(start));
    return isPlainObject(value) ? value : {};
  } catch {
    return {}; // braces in a sentence
  }
}

function typeOf(error: unknown, body: JsonObject): string {
  const { code, type } = membersOf(error);
  return [body.code, code, body.type, type].find((word): word is string => typeof word === 'string') ?? '';
}

function messageIn(error: unknown, body: JsonObject): string {
  const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
  const said = typeof body.message === 'string' && body.message !== '' ? body.message : messageOf(error);
  const text = `${said}${cause}`;
  return text.length > MESSAGE_CHARS ? `${text.slice(0, MESSAGE_CHARS)}…` : text;
}

/** Seconds or a date, as HTTP has it; some vendors also send milliseconds. */
function retryAfter(headers: unknown): number | undefined {
  const get = (name: string): string | null => (headers instanceof Headers ? headers.get(name) : null);
  const milliseconds = Number(get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const value = get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** Google says it in the body: `{ '@type': …RetryInfo, retryDelay: '7s' }`. */
function retryDelay({ details }: JsonObject): number | undefined {
  const delays = Array.isArray(details) ? details.filter(isPlainObject).map((detail) => detail.retryDelay) : [];
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(delays.find((delay) => typeof delay === 'string')))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
