/** The agent that knows: runs the template's own reference solution. A task it can't solve is broken. */
import { stringifyJson } from '../protocol/json.ts';
import { defineAgent, type Agent } from './agent.ts';

/** Text is the answer as it is; any other result of a solution is answered as JSON. */
export const oracle: Agent = defineAgent(
  async (run, { signal }) => {
    const startedAt = new Date().toISOString();
    const answer = await run.client.solve({ signal });
    const content = typeof answer === 'string' ? answer : answer === null ? undefined : stringifyJson(answer);
    run.record({ source: 'agent', content: content ?? null, done: true, startedAt });
    run.trace.content = content;
    run.trace.stopReason = 'done';
  },
  { name: 'oracle' },
);
