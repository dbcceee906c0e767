/**
 * The environment of the drill: rewards that follow from the task and the repeat alone, and a file of its own
 * for every grade that was given, so that what happened can be told without the store.
 */
import { openSync, writeSync } from 'node:fs';
import { Environment } from 'hud';
import { z } from 'zod';

/** What the environment knows about who asks: the agent says it in its answer. */
export interface Answer {
  slug: string;
  repeat: number;
  traceId: string;
}

/** In thousandths, so that every reward has an exact text. */
export function rewardOf(n: number, repeat: number): number {
  return (((Math.imul(n + 1, 2_654_435_761) ^ Math.imul(repeat + 1, 40_503)) >>> 7) % 1000) / 1000;
}

// Opened once: a process that has run out of descriptors can still write.
const grades = process.env.DRILL_GRADES === undefined ? undefined : openSync(process.env.DRILL_GRADES, 'as');

export const env = new Environment('drill');

env.template({ id: 'say', args: z.object({ n: z.int() }) }, async function* ({ n }, { sessionId }) {
  const answer = JSON.parse(String(yield `Say who you are, number ${n}.`)) as Answer;
  const reward = rewardOf(n, answer.repeat);
  if (grades !== undefined) writeSync(grades, `${JSON.stringify({ ...answer, sessionId, reward, pid: process.pid })}\n`);
  yield reward;
});
