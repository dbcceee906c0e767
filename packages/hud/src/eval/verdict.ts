/** The one class that each rollout ends in. */
import type { Run, RunEnd } from '../client/run.ts';
import { HudError, type FaultClass } from '../protocol/errors.ts';
import type { Phase } from './contract.ts';

export interface Faults {
  /** Cancelled, or out of time as a whole. */
  interrupt?: HudError;
  /** What stopped the agent. */
  agent?: HudError | undefined;
  /** What failed outside the agent. */
  last?: { phase: Phase; error: HudError };
}

/**
 * `graded` if and only if the verdict counts: there is a grade, grading did not call itself an error,
 * and nothing but the agent itself stopped the agent. The model's API or the environment failing is no
 * answer of the agent's, so the best-effort grade after it is evidence only.
 */
export function verdictOf(run: Run, faults: Faults): RunEnd {
  const { interrupt, agent, last } = faults;
  if (interrupt !== undefined) return ended(run, interrupt.code === 'ROLLOUT_TIMEOUT' ? 'timeout' : 'cancelled', interrupt);
  if (agent !== undefined && isInfrastructure(agent)) return ended(run, agent.faultClass, agent);
  // An agent often fails because its environment is gone; the lost connection is the story then.
  if (last !== undefined && (agent === undefined || last.error.faultClass === 'sandbox')) return ended(run, classOf(last), last.error);
  if (last !== undefined && agent !== undefined) return ended(run, 'agent', agent);
  if (run.verdict.isError) return ended(run, 'grader', new HudError('GRADE_FAILED', run.verdict.content ?? 'the grader reported an error'));
  if (agent === undefined) return { class: 'graded' };
  run.trace.status = 'error';
  run.trace.fault = agent;
  return { class: 'graded', error: agent };
}

function ended(run: Run, kind: FaultClass, error: HudError): RunEnd {
  run.trace.status = kind === 'cancelled' ? 'cancelled' : 'error';
  run.trace.fault = error;
  return { class: kind, error };
}

function isInfrastructure(error: HudError): boolean {
  return error.faultClass === 'provider' || error.faultClass === 'sandbox' || error.faultClass === 'limit';
}

/** Before the agent acts everything is the place's; afterwards the error says whose it is. */
function classOf({ phase, error }: { phase: Phase; error: HudError }): FaultClass {
  const isLimit = error.faultClass === 'limit';
  if (phase === 'provisioning' || phase === 'starting task') return isLimit ? 'limit' : 'boot';
  if (phase === 'agent loop') return isInfrastructure(error) ? error.faultClass : 'agent';
  return error.faultClass === 'sandbox' || isLimit ? error.faultClass : 'grader';
}
