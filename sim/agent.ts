/** The agent that simulated drivers run: works for a while and answers, or does what agents do. */
import { defineAgent, type Agent } from '../packages/hud/src/agents/agent.ts';
import type { Run } from '../packages/hud/src/client/run.ts';
import { sleep } from '../packages/hud/src/host/host.ts';
import { HudError } from '../packages/hud/src/protocol/errors.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

const MANNERS = { answers: 4, silent: 1, throws: 1, hangs: 1, 'ignores everything': 0.5, 'loses its model': 1 };
const MOST_WORK_MS = 6_000;

export function simAgent(stage: Stage, process: SimProcess): Agent {
  const { scenario, ledger } = stage;
  const { random } = process;
  const host = stage.hostOf(process);
  const act = async (run: Run, signal: AbortSignal): Promise<void> => {
    const { traceId, slug, repeat, jobId = '' } = run;
    ledger.agentStarted(process, { jobId, slug, repeat, traceId, sessionId: run.client.sessionId }, scenario.rerun);
    const manner = random.chance(scenario.mischief) ? random.weighted(MANNERS) : 'answers';
    for (let step = random.between(0, 3); step > 0; step--) {
      await sleep(host, random.unit() * random.pick([50, MOST_WORK_MS / 3]), signal);
      run.record({ source: 'agent', content: `step ${step}` });
    }
    if (manner === 'throws') throw new Error('simulated bug');
    if (manner === 'loses its model') throw new HudError('MODEL_UNAVAILABLE', 'simulated outage');
    if (manner === 'hangs') await sleep(host, 10_000_000, signal);
    if (manner === 'ignores everything') await new Promise(() => {});
    if (manner === 'silent') return;
    run.trace.content = `${traceId}/${random.below(5) / 4}`;
    await sleep(host, random.unit() * random.pick([5, 500]), signal);
    run.record({ source: 'agent', content: run.trace.content, done: true });
  };
  const timeout = scenario.agentTimeout === undefined ? {} : { timeoutSeconds: scenario.agentTimeout };
  return defineAgent(async (run, { signal }) => await act(run, signal), { name: 'simulated', ...timeout });
}
