/** What the vendors' SDKs throw, as errors of one class that says whether to try again. */
import { HudError, isHudError, messageOf, type ErrorCode } from '../protocol/errors.ts';

interface SdkError {
  status?: unknown;
  headers?: unknown;
  requestID?: unknown;
  request_id?: unknown;
}

/**
 * @returns a HudError of class `provider` with `data: { provider, status?, requestId?, retryAfterMs? }`
 * @throws the signal's reason when it fired: an interrupted request is no fault of the provider
 */
export function modelError(error: unknown, provider: string, signal: AbortSignal): HudError {
  signal.throwIfAborted();
  if (isHudError(error)) return error;
  const { status: rawStatus, headers, requestID, request_id: requestId } = (typeof error === 'object' && error !== null ? error : {}) as SdkError;
  const status = typeof rawStatus === 'number' ? rawStatus : statusIn(error);
  const retryAfterMs = retryAfter(headers);
  const { code, hint } = kindOf(status);
  const id = requestID ?? requestId;
  return new HudError(code, `${provider}${status === undefined ? '' : ` answered ${status}`}: ${shortMessage(error)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
    data: {
      provider,
      ...(status === undefined ? {} : { status }),
      ...(typeof id === 'string' ? { requestId: id } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

function kindOf(status: number | undefined): { code: ErrorCode; hint?: string } {
  if (status === 401 || status === 403) return { code: 'MODEL_REFUSED', hint: 'Check the key, and that it may use this model: `hud doctor` shows which keys are set.' };
  if (status === 402) return { code: 'MODEL_REFUSED', hint: 'The account has no credit left.' };
  if (status === 429 || status === 529) return { code: 'MODEL_RATE_LIMITED', hint: 'Run fewer at once: --max-concurrent.' };
  if (status === 404) return { code: 'MODEL_UNKNOWN', hint: 'Check the name of the model, and that the server has it.' };
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 409) return { code: 'MODEL_BAD_REQUEST' };
  return { code: 'MODEL_UNAVAILABLE' }; // 5xx, timeouts, a connection that broke or a stream that was cut
}

/** Google's SDK keeps the status in the message's JSON only. */
function statusIn(error: unknown): number | undefined {
  const match = /"code"\s*:\s*(\d{3})\b/.exec(messageOf(error));
  return match === null ? undefined : Number(match[1]);
}

/** Seconds or a date, as HTTP has it; some vendors also send milliseconds. */
function retryAfter(headers: unknown): number | undefined {
  const get = (name: string): string | undefined => (headers instanceof Headers ? headers.get(name) ?? undefined : undefined);
  const milliseconds = Number(get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const value = get('retry-after');
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function shortMessage(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
  const text = `${messageOf(error)}${cause}`;
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
