/** An agent that answers what a test tells it to. */
import { defineAgent, type Agent } from '../agents/agent.ts';
import type { Run } from '../client/run.ts';

/** Records one turn and leaves the answer; a function sees the run, prompt included. */
export function scriptedAgent(answer: string | ((run: Run) => string | Promise<string>)): Agent {
  return defineAgent(
    async (run) => {
      const content = typeof answer === 'string' ? answer : await answer(run);
      run.record({ source: 'agent', content, done: true });
      run.trace.content = content;
      run.trace.stopReason = 'done';
    },
    { name: 'scripted' },
  );
}
