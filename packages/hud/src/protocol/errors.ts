/**
 * The one error class of the project, its codes, and the table that says whose fault a code is.
 * On the wire an error is a JSON-RPC number, a message and `data.code`; the client rebuilds it here.
 */

/** How a rollout ended: exactly one of these. `graded` is the only one that counts in a mean. */
export const RUN_CLASSES = [
  'graded', // the verdict counts, however the agent stopped
  'boot', // no environment: provisioning, connecting or `tasks.start` failed
  'agent', // the agent's own code failed and no grade could be had
  'limit', // a stated limit ended it: budget, memory, run time of the runtime
  'provider', // the model's API failed: refused key, rate limit, outage
  'sandbox', // the environment or a capability was lost while the agent worked
  'grader', // the grader failed or returned something that is no grade
  'cancelled', // interrupted by its owner
  'timeout', // the rollout's own deadline passed
] as const;
export type RunClass = (typeof RUN_CLASSES)[number];

/** Classes that name a fault, i.e. everything but a verdict. */
export type FaultClass = Exclude<RunClass, 'graded'>;

/** Every code, with the class that a rollout ends in when this error ends it. */
const CODES = {
  // What the author or caller wrote.
  BAD_ARGUMENT: 'boot', // a value passed to a function or flag is not usable
  BAD_TASK: 'boot', // a task row or file is malformed
  BAD_SOURCE: 'boot', // a user's file can't be read, compiled or loaded
  BAD_CONFIG: 'boot', // a setting is unknown or malformed
  DUPLICATE_SLUG: 'boot',
  DUPLICATE_TEMPLATE: 'boot',
  ENVIRONMENT_NOT_FOUND: 'boot',
  TEMPLATE_NOT_FOUND: 'boot',
  TASK_NOT_FOUND: 'boot',
  JOB_NOT_FOUND: 'boot', // the record has no such job
  JOB_RUNNING: 'boot', // another process runs it
  PLACEMENT_UNKNOWN: 'boot', // nothing says where the tasks should run
  TEMPLATE_FAILED: 'boot', // a template threw, or never yielded a prompt
  // Between the two peers.
  PROTOCOL_ERROR: 'sandbox', // a peer sent something the wire does not allow
  RPC_ERROR: 'sandbox', // the peer answered with an error of its own
  FRAME_TOO_LARGE: 'sandbox',
  UNAUTHORIZED: 'boot', // a control secret, session secret or stream ticket is missing or wrong
  CONNECTION_LOST: 'sandbox',
  CAPABILITY_NOT_FOUND: 'sandbox',
  CAPABILITY_FAILED: 'sandbox', // a capability's backend is unreachable or broke
  // Places.
  RUNTIME_UNREACHABLE: 'boot',
  RUNTIME_EXITED: 'boot', // the environment's process ended before it served
  RUNTIME_LIMIT: 'limit',
  PORT_IN_USE: 'boot',
  // Agents and models.
  AGENT_UNKNOWN: 'boot',
  AGENT_FAILED: 'agent',
  AGENT_TIMEOUT: 'agent',
  BUDGET_EXCEEDED: 'limit',
  MODEL_UNKNOWN: 'provider',
  MODEL_KEY_MISSING: 'provider',
  MODEL_REFUSED: 'provider', // 401, 403: the key does not open this model
  MODEL_RATE_LIMITED: 'provider', // 429, 529
  MODEL_UNAVAILABLE: 'provider', // 5xx, network, cut stream
  MODEL_BAD_REQUEST: 'provider', // 400, 404, 422
  PACKAGE_MISSING: 'provider', // an optional package is not installed
  // Ends.
  GRADE_INVALID: 'grader', // what came back is no grade
  GRADE_FAILED: 'grader', // the grader threw
  CANCELLED: 'cancelled',
  ROLLOUT_TIMEOUT: 'timeout',
  // The record.
  STORE_FULL: 'boot',
  STORE_LOCKED: 'boot',
  STORE_DAMAGED: 'boot',
  STORE_UNWRITABLE: 'boot',
  // A platform.
  PLATFORM_MISSING: 'boot', // the settings name none
  PLATFORM_UNREACHABLE: 'boot',
  PLATFORM_REFUSED: 'boot', // the key, the role or a budget does not allow it
  PLATFORM_NOT_FOUND: 'boot',
  PLATFORM_FAILED: 'boot', // it answered with a fault, or with what is no answer
  // Anything not ours.
  UNKNOWN: 'agent',
} as const satisfies Record<string, FaultClass>;

export type ErrorCode = keyof typeof CODES;

export interface HudErrorOptions {
  /** What to do next, one sentence; printed under the message. */
  hint?: string;
  cause?: unknown;
  /** JSON-RPC number when the error came from, or goes to, the wire. */
  rpcCode?: number;
  /** Evidence worth keeping beside the message: output tail, exit code, status. */
  data?: Record<string, unknown>;
}

/** What happened, why, and what to do next. `code` is stable; the message is for people. */
export class HudError extends Error {
  override readonly name = 'HudError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly rpcCode: number | undefined;
  readonly data: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: HudErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.rpcCode = options.rpcCode;
    this.data = options.data;
  }

  /** The class a rollout ends in when this error ends it and nothing says otherwise. */
  get faultClass(): FaultClass {
    return CODES[this.code];
  }
}

/** Faults that come from outside and may be gone at the next try; nobody has tried again on their account yet. */
const PASSING: readonly ErrorCode[] = ['CONNECTION_LOST', 'CAPABILITY_FAILED', 'RUNTIME_EXITED'];

/** Worth another try by itself, with nothing mended meanwhile. Models and addresses were tried several times already. */
export function mayPass(error: HudError): boolean {
  if (error.code === 'RUNTIME_EXITED') return !error.message.includes('exit code'); // killed, not ended by its own fault
  return PASSING.includes(error.code);
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}

/** Two copies of this package may meet in one process, so identity is by shape, not by class. */
export function isHudError(value: unknown): value is HudError {
  return value instanceof Error && value.name === 'HudError' && isErrorCode((value as HudError).code);
}

/** The one gate from `unknown` to `HudError`; our own errors pass through unchanged. */
export function toHudError(value: unknown, code: ErrorCode = 'UNKNOWN'): HudError {
  if (isHudError(value)) return value;
  return new HudError(code, messageOf(value), { cause: value });
}

/** A readable sentence out of anything that was thrown. */
export function messageOf(value: unknown): string {
  if (value instanceof AggregateError && value.errors.length > 0 && value.message === '') {
    return value.errors.map(messageOf).join('; ');
  }
  if (value instanceof Error) return value.message === '' ? value.name : value.message;
  if (typeof value !== 'object' || value === null) return String(value);
  const { message } = value as { message?: unknown };
  return typeof message === 'string' && message !== '' ? message : objectText(value);
}

function objectText(value: object): string {
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value);
  } catch {
    return Object.prototype.toString.call(value); // circular, or it holds a bigint
  }
}

const OWN_FILES = import.meta.url.replace(/\/(dist|src)\/.*$/, '/$1/').replace('file://', '');

/** `/path/env.ts:4:5`: the first place in the error's stack that is the user's own; undefined when there is none. */
export function placeIn(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const line of stack.split('\n')) {
    const place = /^\s+at .*?(?:file:\/\/)?(\/[^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place !== undefined && !place.includes('/node_modules/') && !place.startsWith(OWN_FILES)) return place;
  }
  return undefined;
}
