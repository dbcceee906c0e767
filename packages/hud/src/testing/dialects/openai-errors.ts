/** The error body that both OpenAI dialects share. */
import type { JsonObject } from '../../protocol/index.ts';
import type { ErrorDetails } from './dialect.ts';

export function openAiError(status: number, message: string, details: ErrorDetails = {}): JsonObject {
  const { type, code } = OPENAI_ERRORS[status] ?? (status >= 500 ? SERVER_ERROR : CLIENT_ERROR);
  return { error: { message, type, param: details.param ?? null, code: details.code ?? code } };
}

const CLIENT_ERROR = { type: 'invalid_request_error', code: null };
const SERVER_ERROR = { type: 'server_error', code: null };

const OPENAI_ERRORS: Record<number, { type: string; code: string | null }> = {
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  404: { type: 'invalid_request_error', code: 'model_not_found' },
  429: { type: 'requests', code: 'rate_limit_exceeded' },
};
