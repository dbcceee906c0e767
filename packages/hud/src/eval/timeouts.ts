/** Deadlines that contradict each other are found before anything is spent. */
import type { Agent } from '../agents/agent.ts';
import { HudError } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';

/** The task's own, else the agent's, in seconds; undefined: none. */
export function agentTimeout(task: Task, agent: Agent): number | undefined {
  return task.agentConfig?.timeoutSeconds ?? agent.timeoutSeconds;
}

/**
 * The agent must be able to run out of time before its runtime does, and everything before the rollout.
 * @throws HudError BAD_ARGUMENT naming the task and both numbers
 */
export function checkTimeouts(tasks: Iterable<Task>, agent: Agent, rolloutTimeout: number | undefined): void {
  if (rolloutTimeout !== undefined && !(rolloutTimeout > 0)) {
    throw new HudError('BAD_ARGUMENT', `rolloutTimeout must be above 0 seconds, got ${rolloutTimeout}.`);
  }
  for (const task of tasks) {
    const agentSeconds = agentTimeout(task, agent);
    const runSeconds = task.runtimeConfig?.limits?.runTimeoutS ?? undefined;
    if (agentSeconds !== undefined && !(agentSeconds > 0))
      throw contradiction(task, `the agent timeout of ${agentSeconds} s is not above 0`);
    if (agentSeconds !== undefined && runSeconds !== undefined && agentSeconds >= runSeconds) {
      throw contradiction(task, `the agent timeout (${agentSeconds} s) is not below the runtime's run timeout (${runSeconds} s)`);
    }
    if (rolloutTimeout === undefined) continue;
    const limits: [string, number | null | undefined][] = [
      ['the agent timeout', agentSeconds],
      ["the runtime's startup timeout", task.runtimeConfig?.limits?.startupTimeoutS],
      ["the runtime's run timeout", runSeconds],
      ["the verifier's startup timeout", task.verifier?.runtimeConfig?.limits?.startupTimeoutS],
      ["the verifier's run timeout", task.verifier?.runtimeConfig?.limits?.runTimeoutS],
    ];
    for (const [name, seconds] of limits) {
      if (seconds != null && seconds >= rolloutTimeout)
        throw contradiction(task, `${name} (${seconds} s) is not below the rollout timeout (${rolloutTimeout} s)`);
    }
  }
}

function contradiction(task: Task, what: string): HudError {
  return new HudError('BAD_ARGUMENT', `Task ${task.slug}: ${what}.`, { hint: 'Lower the first or raise the second.' });
}
