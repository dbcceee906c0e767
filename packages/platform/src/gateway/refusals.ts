/** What the gateway itself refuses, written as the caller's SDK expects it from its vendor. */
import type { Dialect } from './seams.ts';

export type RefusalStatus = 400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 429 | 500 | 502 | 503 | 504;

export interface RefusalOptions {
  /** For programs: `model_not_found`, `insufficient_quota`. @default one by the status */
  code?: string;
  /** Seconds after which to try again. */
  retryAfter?: number;
  /** Goes to the log, never to the caller. */
  cause?: unknown;
  /** Tells the vendors' SDKs that another try would end the same. @default false */
  isFinal?: boolean;
}

export class Refusal extends Error {
  readonly status: RefusalStatus;
  readonly options: RefusalOptions;

  /** @param message what, why, what next */
  constructor(status: RefusalStatus, message: string, options: RefusalOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'Refusal';
    this.status = status;
    this.options = options;
  }
}

export interface WrittenRefusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Of what the gateway itself says; browsers run nothing of it. */
export const OWN_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** OpenAI's shape for all but Anthropic and Gemini. */
export function writeRefusal(dialect: Dialect, refusal: Refusal, callId?: string): WrittenRefusal {
  const { status, options } = refusal;
  const headers: Record<string, string> = { ...OWN_HEADERS };
  if (options.retryAfter !== undefined) headers['retry-after'] = String(Math.max(0, Math.ceil(options.retryAfter)));
  if (options.isFinal === true) headers['x-should-retry'] = 'false';
  if (callId !== undefined) headers['x-hud-call-id'] = callId;
  return { status, headers, body: JSON.stringify(SHAPES[dialect === 'anthropic' || dialect === 'gemini' ? dialect : 'openai'](refusal)) };
}

const SHAPES: Record<'openai' | 'anthropic' | 'gemini', (refusal: Refusal) => object> = {
  openai: ({ status, message, options }) => ({
    error: {
      message,
      type: OPENAI_TYPES[status],
      param: options.code === 'model_not_found' ? 'model' : null,
      code: options.code ?? OPENAI_CODES[status] ?? null,
    },
  }),
  anthropic: ({ status, message }) => ({ type: 'error', error: { type: ANTHROPIC_TYPES[status], message } }),
  gemini: ({ status, message }) => ({ error: { code: status, message, status: GEMINI_STATUSES[status] } }),
};

const OPENAI_TYPES: Record<RefusalStatus, string> = {
  400: 'invalid_request_error',
  401: 'invalid_request_error',
  402: 'insufficient_quota',
  403: 'invalid_request_error',
  404: 'invalid_request_error',
  405: 'invalid_request_error',
  409: 'invalid_request_error',
  413: 'invalid_request_error',
  429: 'requests',
  500: 'server_error',
  502: 'server_error',
  503: 'server_error',
  504: 'server_error',
};

const OPENAI_CODES: Partial<Record<RefusalStatus, string>> = {
  401: 'invalid_api_key',
  402: 'insufficient_quota',
  413: 'request_too_large',
  429: 'rate_limit_exceeded',
  502: 'upstream_unreachable',
  504: 'upstream_timeout',
};

const ANTHROPIC_TYPES: Record<RefusalStatus, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  409: 'invalid_request_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

const GEMINI_STATUSES: Record<RefusalStatus, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'INVALID_ARGUMENT',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
