/** The environment that simulated children serve: takes its time, fails now and then, and tells the books. */
import { z } from 'zod';
import { Environment } from '../packages/hud/src/environment/index.ts';
import { sleep } from '../packages/hud/src/host/host.ts';
import { isPlainObject } from '../packages/hud/src/protocol/json.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

const FATES = { well: 6, throws: 1, hangs: 1, nonsense: 1 };

/** Answers are `<trace>/<reward>`: the grade is in the answer, and so is whose it is. */
export function simEnvironment(stage: Stage, process: SimProcess): Environment {
  const { ledger, scenario } = stage;
  const { random } = process;
  const host = stage.hostOf(process);
  const environment = new Environment('simulated');
  const fate = (): keyof typeof FATES => (random.chance(scenario.mischief) ? random.weighted(FATES) : 'well');
  const meet = async (what: keyof typeof FATES, signal: AbortSignal): Promise<void> => {
    await sleep(host, random.between(0, 300), signal);
    if (what === 'throws') throw new Error('simulated failure');
    if (what === 'hangs') await new Promise(() => {});
  };
  const taskOf = (id: string, sessionId: string): string => `${sessionId} ${id}`;
  environment.onTaskEnd(({ id, sessionId }) => void process.tasks.delete(taskOf(id, sessionId)));
  environment.template({ id: 'count', args: z.object({ n: z.number() }) }, async function* ({ n }, context) {
    process.tasks.add(taskOf('count', context.sessionId));
    await meet(fate(), context.signal);
    const answer = yield `Task ${n}`;
    const grading = fate();
    await meet(grading, context.signal);
    const [trace, reward] = typeof answer === 'string' ? answer.split('/') : [];
    ledger.graded(process, { sessionId: context.sessionId, template: 'count' }, trace, Number(reward ?? 0));
    yield grading === 'nonsense' ? Number.NaN : Number(reward ?? 0);
  });
  environment.template({ id: 'verify' }, async function* (_args, context) {
    process.tasks.add(taskOf('verify', context.sessionId));
    const frame: unknown = yield 'Verify';
    await meet(fate(), context.signal);
    const reward = isPlainObject(frame) && typeof frame.score === 'number' ? frame.score : 0;
    ledger.graded(process, { sessionId: context.sessionId, template: 'verify' }, undefined, reward);
    yield reward;
  });
  return environment;
}
