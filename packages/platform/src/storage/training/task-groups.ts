/** How the groups of each task fared in the newest steps of a model: which tasks still teach. */
import type { Db } from '../database.ts';

/** Rewards of the runs of one group that are kept. */
export interface TaskGroup {
  checkpointId: string;
  slug: string;
  n: number;
  mean: number;
  min: number;
  max: number;
}

export interface TaskGroups {
  /** Newest first. */
  steps: { id: string; name: string }[];
  /** In no order; of trajectories that were sent without a run nobody knows the task. */
  groups: TaskGroup[];
}

/** @param modelId one that the team has; @param steps how many of the newest */
export async function taskGroups(db: Db, { teamId, modelId }: { teamId: string; modelId: string }, steps: number): Promise<TaskGroups> {
  const newest = await db
    .selectFrom('checkpoints')
    .select(['id', 'name'])
    .where('model_id', '=', modelId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(steps)
    .execute();
  if (newest.length === 0) return { steps: [], groups: [] };
  const ids = newest.map(({ id }) => id);
  const rows = await db
    .selectFrom('training_inputs as input')
    .innerJoin('runs as run', (join) => join.onRef('run.trace_id', '=', 'input.trace_id').onRef('run.team_id', '=', 'input.team_id'))
    .select(({ fn }) => [
      'input.checkpoint_id',
      'input.group_index',
      fn.min('run.slug').as('slug'),
      fn.countAll<number>().as('n'),
      fn.avg<number>('input.reward').as('mean'),
      fn.min('input.reward').as('min'),
      fn.max('input.reward').as('max'),
    ])
    .where('input.model_id', '=', modelId)
    .where('input.team_id', '=', teamId)
    .where('input.checkpoint_id', 'in', ids)
    .groupBy(['input.checkpoint_id', 'input.group_index'])
    .execute();
  const groups = rows.map(({ checkpoint_id: checkpointId, slug, n, mean, min, max }) => ({
    checkpointId,
    slug,
    n: Number(n),
    mean: Number(mean),
    min,
    max,
  }));
  return { steps: newest, groups };
}
