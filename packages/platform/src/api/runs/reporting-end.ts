/** What a driver tells of a run's end, as one of our classes: a reward counts only when the run was graded. */
import { api, Float, STOP_REASONS, stringifyJson, type FaultClass, type JsonObject } from 'hud/protocol';
import type { RunEnd, RunFault } from '../../storage/runs/index.ts';

type Told = api.Body<typeof api.reporting.exitTrace>;
type End = Omit<RunEnd, 'traceId' | 'now' | 'metadata'>;

/**
 * A grade decides, whatever the status. Without one only `completed` with a reward is a verdict: drivers send 0 for
 * runs that never got so far.
 */
export function endOf({ status, reward, error, evaluationResult, stopReason }: Told): End {
  const frame = evaluationResult != null && Object.keys(evaluationResult).length > 0 ? evaluationResult : undefined;
  const stop = STOP_REASONS.find((reason) => reason === stopReason);
  const told = error == null || error === '' ? undefined : faultOf(error);
  const end = (kind: End['class'], fault: RunFault | undefined, verdict?: number): End => ({
    class: kind,
    status,
    ...(stop === undefined ? {} : { stopReason: stop }),
    ...(verdict === undefined ? {} : { reward: verdict }),
    ...(fault === undefined ? {} : { error: fault }),
    ...(frame === undefined ? {} : { grade: stringifyJson(frame) }),
  });
  const score = frame === undefined ? undefined : numberOf(frame.score);
  if (frame?.isError === true) return end('grader', told?.fault ?? { code: 'GRADE_FAILED', message: textOf(frame) ?? 'Grading failed.' });
  if (score !== undefined) return end('graded', told?.fault, reward ?? score);
  if (status === 'cancelled') return end('cancelled', { code: 'CANCELLED', message: error || 'Its driver cancelled it.' });
  if (status === 'completed' && reward != null && frame === undefined) return end('graded', undefined, reward);
  if (status === 'completed') return end('grader', { code: 'GRADE_INVALID', message: 'It was reported as completed, without a reward.' });
  if (told === undefined) return end('agent', { code: 'AGENT_FAILED', message: 'It was reported as failed, without a reason.' });
  return end(told.class, told.fault);
}

function numberOf(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint' && !(value instanceof Float)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function textOf({ content }: JsonObject): string | undefined {
  return typeof content === 'string' && content !== '' ? content : undefined;
}

/** How the Python package words a fault: `[phase] text`, or what timed out. */
const WORDINGS: readonly (readonly [RegExp, FaultClass, string])[] = [
  [/^rollout timed out after /, 'timeout', 'ROLLOUT_TIMEOUT'],
  [/^agent timed out after /, 'agent', 'AGENT_TIMEOUT'],
  [/^\[(?:grading|verifying|provisioning verifier|snapshotting actor)\]/, 'grader', 'GRADE_FAILED'],
  [/^\[provisioning\]/, 'boot', 'RUNTIME_UNREACHABLE'],
  [/^\[starting task\]/, 'boot', 'TEMPLATE_FAILED'],
  [/\b(?:budget|credits)\b.*\b(?:used up|exceeded|exhausted)\b/i, 'limit', 'BUDGET_EXCEEDED'],
  [/\b(?:RateLimitError|rate limit)/i, 'provider', 'MODEL_RATE_LIMITED'],
  [
    /\b(?:openai|anthropic|google\.genai)\.|\b(?:API(?:Status|Connection|Timeout)Error|InternalServerError)\b/,
    'provider',
    'MODEL_UNAVAILABLE',
  ],
  [/\b(?:AuthenticationError|PermissionDeniedError)\b/, 'provider', 'MODEL_REFUSED'],
  [/\b(?:Connection(?:Reset|Refused|Aborted|Closed)?Error|BrokenPipeError|EOFError|IncompleteReadError)\b/, 'sandbox', 'CONNECTION_LOST'],
  [/^\[(?:actor )?cleanup\]/, 'sandbox', 'CAPABILITY_FAILED'],
];

function faultOf(text: string): { class: FaultClass; fault: RunFault } {
  const [, kind, code] = WORDINGS.find(([wording]) => wording.test(text)) ?? [undefined, 'agent' as const, 'AGENT_FAILED'];
  return { class: kind, fault: { code, message: text } };
}
