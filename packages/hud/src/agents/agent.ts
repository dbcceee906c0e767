/** The contract of an agent: drive one run, leave the answer in `run.trace.content`. */
import type { Run } from '../client/run.ts';

export interface AgentContext {
  /** Fires on Ctrl-C and on every deadline; pass it to each request. */
  signal: AbortSignal;
}

/**
 * Instances hold no state of a run: one instance drives many runs at once.
 * A rejected `run` marks the run as failed; it is graded all the same unless it was cancelled.
 * A failure of the model's API must reject with a HudError of class `provider`.
 */
export interface Agent {
  /** Short, for tables: `claude`, `oracle`. */
  readonly name: string;
  /** The model that answers, when there is one. */
  readonly model?: string;
  /** Default deadline for one run, in seconds; a task's own wins. */
  readonly timeoutSeconds?: number;
  run(run: Run, context: AgentContext): Promise<void>;
  /** The same agent with a task's overrides (`maxSteps`, `systemPrompt`, …); unknown keys are ignored. */
  withConfig?(config: Record<string, unknown>): Agent;
}

export type AgentFunction = (run: Run, context: AgentContext) => Promise<void>;
/** Everything that takes an agent also takes a bare function. */
export type AgentLike = Agent | AgentFunction;

/** Gives a function the shape of an agent. */
export function defineAgent(fn: AgentFunction, options: { name?: string; model?: string; timeoutSeconds?: number } = {}): Agent {
  return {
    name: options.name ?? (fn.name || 'agent'),
    ...withoutUndefined({ model: options.model, timeoutSeconds: options.timeoutSeconds }),
    run: fn,
  };
}

export function asAgent(agent: AgentLike): Agent {
  return typeof agent === 'function' ? defineAgent(agent) : agent;
}

function withoutUndefined<T extends object>(value: T): Partial<{ [K in keyof T]: NonNullable<T[K]> }> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<{
    [K in keyof T]: NonNullable<T[K]>;
  }>;
}
