/** Which tasks still teach a model: the groups of each in its newest steps, with and without a spread of rewards. */
import { api, dashedUuid } from 'hud/protocol';
import type { Context } from '../../context.ts';
import type { StoredModel } from '../../storage/models/models.ts';
import { taskGroups } from '../../storage/training/task-groups.ts';

type Reply = api.Reply<typeof api.models.tasks>;

export async function taskSpread(
  { db }: Context,
  model: StoredModel,
  { steps: newest, limit }: { steps: number; limit: number },
): Promise<Reply> {
  const { steps, groups } = await taskGroups(db, { teamId: model.team_id, modelId: model.id }, newest);
  const places = new Map(steps.toReversed().map(({ id }, place) => [id, place]));
  const ofStep = Map.groupBy(groups, ({ checkpointId }) => checkpointId);
  const tasks = [...Map.groupBy(groups, ({ slug }) => slug)].map(([slug, own]) => ({
    slug,
    groups: own
      .map(({ checkpointId, n, mean, min, max }) => ({ step: places.get(checkpointId) ?? 0, n, mean, min, max }))
      .toSorted((a, b) => a.step - b.step),
  }));
  const counts = { teaching: 0, solved: 0, unsolved: 0 };
  const most = bestOf(tasks);
  for (const task of tasks) counts[stateOf(task, most)] += 1;
  return {
    steps: steps.toReversed().map(({ id, name }) => {
      const own = ofStep.get(id) ?? [];
      return { checkpointId: dashedUuid(id), name, groups: own.length, withSpread: own.filter(({ min, max }) => min !== max).length };
    }),
    items: tasks.toSorted(byUse).slice(0, limit),
    total: tasks.length,
    ...counts,
  };
}

type Task = Reply['items'][number];

/** By its last group. */
function stateOf({ groups }: Task, most: number): 'teaching' | 'solved' | 'unsolved' {
  const { min = 0, max = 0 } = groups.at(-1) ?? {};
  if (min !== max) return 'teaching';
  return max >= most ? 'solved' : 'unsolved';
}

/** The best reward that any run earned: rewards have no other scale that is known here. */
function bestOf(tasks: readonly Task[]): number {
  return tasks.reduce((most, { groups }) => groups.reduce((own, { max }) => Math.max(own, max), most), -Infinity);
}

/** Those that still teach first, of these the ones that came last, then the widest spread. */
function byUse(a: Task, b: Task): number {
  const [last, other] = [a.groups.at(-1), b.groups.at(-1)];
  if (last === undefined || other === undefined) return 0;
  const [spread, otherSpread] = [last.max - last.min, other.max - other.min];
  const order = Number(otherSpread > 0) - Number(spread > 0) || other.step - last.step || otherSpread - spread;
  return order || last.mean - other.mean || (a.slug < b.slug ? -1 : 1);
}
