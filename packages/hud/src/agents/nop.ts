/** The agent that does nothing: what it earns, a task gives away for free. */
import { defineAgent, type Agent } from './agent.ts';

export const nop: Agent = defineAgent(
  async (run) => {
    run.record({ source: 'agent', content: null, done: true });
    run.trace.stopReason = 'done';
  },
  { name: 'nop' },
);
