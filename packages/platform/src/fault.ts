/** What a route refuses, as the Python package's client understands it: a status and `{"detail": …}`. */
import { isHudError } from 'hud/protocol';

export interface FaultOptions {
  /** Put beside `detail`: `{ error: 'slow_down' }`. */
  body?: Record<string, unknown>;
  /** Seconds after which to try again. */
  retryAfter?: number;
  cause?: unknown;
}

export class Fault extends Error {
  readonly status: number;
  readonly options: FaultOptions;

  constructor(
    status: 400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 503,
    detail: string,
    options: FaultOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'Fault';
    this.status = status;
    this.options = options;
  }
}

/** Never tells a stranger whether it exists for somebody else. */
export function absent(what: string): Fault {
  return new Fault(404, `There is no ${what}.`);
}

const FAILED = 'The platform failed; its log has the reason.';
const PASSING = ['STORE_FULL', 'STORE_LOCKED', 'STORE_UNWRITABLE'];

/** An error from below, as a client may see it. 503 is the one status that every client tries again. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (!isHudError(error)) return new Fault(500, FAILED, { cause: error });
  const { code, message, hint } = error;
  const detail = hint === undefined ? message : `${message} ${hint}`;
  if (code === 'JOB_NOT_FOUND' || code === 'TASK_NOT_FOUND' || code === 'ENVIRONMENT_NOT_FOUND')
    return new Fault(404, detail, { cause: error });
  if (PASSING.includes(code)) return new Fault(503, 'The record can not be used right now; try again.', { cause: error, retryAfter: 2 });
  if (code.startsWith('STORE_')) return new Fault(500, 'The platform can not use its record; its log has the reason.', { cause: error });
  if (code === 'BAD_ARGUMENT' || code === 'BAD_TASK' || code === 'PROTOCOL_ERROR' || code === 'FRAME_TOO_LARGE')
    return new Fault(400, detail, { cause: error });
  return new Fault(500, FAILED, { cause: error });
}
