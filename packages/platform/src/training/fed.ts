/** What a pass is fed with, as it is kept for those who ask later: rewards by group, and who sampled. */
import type { Db } from '../storage/database.ts';
import type { StoredModel } from '../storage/models/models.ts';
import { firstServers, knownTraces, type StoredInput } from '../storage/training/inputs.ts';
import type { Compared } from './batch.ts';
import type { Trajectory } from './inputs.ts';
import { sumOf } from './numbers.ts';

/** Of one step; those of a larger one are its first whole groups. */
export const MOST_INPUTS = 2_000;

export interface Before {
  /** Trajectories and groups of earlier passes of the same gradient. */
  traces: number;
  groups: number;
}

export async function fedBy(
  db: Db,
  model: StoredModel,
  trajectories: readonly Trajectory[],
  compared: Compared & { before: Before },
): Promise<StoredInput[]> {
  const kept = keptOf(compared.groups, compared.before.traces);
  const named = [...new Set(kept.flatMap(({ index }) => trajectories[index]?.traceId ?? []))];
  const [traces, servers] = await Promise.all([knownTraces(db, model.team_id, named), firstServers(db, model.team_id, named)]);
  return kept.flatMap(({ index, group }) => {
    const trajectory = trajectories[index];
    if (trajectory === undefined) return [];
    const traceId = trajectory.traceId !== undefined && traces.has(trajectory.traceId) ? trajectory.traceId : null;
    const server = traceId === null ? undefined : servers.get(traceId);
    return {
      team_id: model.team_id,
      model_id: model.id,
      position: compared.before.traces + index,
      group_index: compared.before.groups + group,
      trace_id: traceId,
      reward: trajectory.reward,
      advantage: compared.advantages[index] ?? null,
      tokens: trajectory.turns.reduce((sum, { mask }) => sum + sumOf(mask), 0),
      served_by: server === undefined ? null : servedBy(model, server),
    };
  });
}

/** A group counts whole; the very first is cut where it is larger than all that is kept. */
export function keptOf(groups: Compared['groups'], before: number): { index: number; group: number }[] {
  return groups.flatMap((group, g) => {
    const isFirst = before === 0 && g === 0;
    const end = before + (group.at(-1) ?? -1) + 1;
    if (end > MOST_INPUTS && !isFirst) return [];
    return group.slice(0, MOST_INPUTS).map((index) => ({ index, group: g }));
  });
}

/** A checkpoint, or `base`. Base weights are the model's own when it, or its base, was asked: those of another fork are not. */
export function servedBy(
  { model_name: own, base_model: base }: StoredModel,
  { modelName, checkpointId }: { modelName: string; checkpointId: string | null },
): string | null {
  if (checkpointId !== null) return checkpointId;
  return modelName === own || modelName === base ? 'base' : null;
}
