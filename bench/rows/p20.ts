/** P20: how near to the best possible end the scheduler comes when durations have heavy tails. */
import { oursAtLeast, type Contest, type Context, type Row, type Side } from '../contract.ts';
import { bound, drawWorkload, knownMakespan, naiveMakespan, scheduledMakespan, type Shape, type Workload } from '../makespan.ts';
import { sidesWith } from '../sides.ts';

export const p20: Row = {
  id: 'P20',
  title: 'scheduling under heavy tails, virtual time',
  contests: [
    scheduling({ tasks: 200, group: 8, places: 64, tail: 'lognormal' }),
    scheduling({ tasks: 200, group: 8, places: 64, tail: 'pareto' }),
    scheduling({ tasks: 1_600, group: 1, places: 64, tail: 'lognormal' }),
  ],
};

function scheduling(shape: Shape): Contest {
  const { tasks, group, places, tail } = shape;
  return {
    what: `${tasks} tasks × ${group}, ${places} places, ${tail} durations: best possible makespan as a share of ours`,
    reference: 'the same runs in row order through a semaphore',
    measures: [
      { figure: 'ofBest', unit: 'of the best possible', goal: oursAtLeast(0.95) },
      { figure: 'ofKnown', unit: 'of one that knows all durations' },
    ],
    isTimed: false,
    warmUps: 0,
    open: async (context) =>
      await sidesWith(async () => ({ ours: side(shape, context, scheduledMakespan), reference: side(shape, context, naiveMakespan) })),
  };
}

/** The n-th sample of either side is of the same workload. */
function side(shape: Shape, { seed }: Context, makespan: (workload: Workload) => number): Side {
  let samples = 0;
  return async () => {
    samples += 1;
    const workload = drawWorkload(shape, seed + 1_000 * samples);
    const took = makespan(workload);
    return { ofBest: bound(workload) / took, ofKnown: knownMakespan(workload) / took };
  };
}
