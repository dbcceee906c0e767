/** Refuses what was sampled by weights too far behind those that are trained. */
import { Fault } from '../fault.ts';
import type { Db } from '../storage/database.ts';
import { checkpointTree, type StoredModel } from '../storage/models/models.ts';
import { allServers } from '../storage/training/inputs.ts';
import { servedBy } from './fed.ts';
import type { Trajectory } from './inputs.ts';
import { lagsBehind } from './lag.ts';

/** Named in one refusal. */
const MOST_NAMED = 5;

/**
 * Asks of every turn that was sampled here. A trajectory of which nobody knows what sampled it counts as too old.
 * @param maxLag in steps; absent: any age will do. @throws Fault 400 naming trajectories, what sampled them, and how old that is
 */
export async function refuseStale(
  db: Db,
  model: StoredModel,
  trajectories: readonly Pick<Trajectory, 'index' | 'traceId'>[],
  maxLag: number | null | undefined,
): Promise<void> {
  if (maxLag == null) return;
  const traceIds = [...new Set(trajectories.flatMap(({ traceId }) => traceId ?? []))];
  const [servers, tree] = await Promise.all([allServers(db, model.team_id, traceIds), checkpointTree(db, model.id)]);
  const lagOf = lagsBehind(tree, model.head_id);
  const names = new Map(tree.map(({ id, name }) => [id, name]));
  const stale = trajectories.flatMap(({ index, traceId }) => {
    const ages = (servers.get(traceId ?? '') ?? []).map((server) => {
      const by = servedBy(model, server);
      return { by: by === null ? server.modelName : (names.get(by) ?? by), lag: lagOf(by) };
    });
    const oldest = ages.find(({ lag }) => lag === null) ?? ages.toSorted((a, b) => (b.lag ?? 0) - (a.lag ?? 0))[0];
    if (oldest !== undefined && oldest.lag !== null && oldest.lag <= maxLag) return [];
    return `input ${index}${traceId === undefined ? '' : ` (trace ${traceId})`} ${ageOf(oldest)}`;
  });
  if (stale.length === 0) return;
  const named = stale.slice(0, MOST_NAMED).join('; ');
  const rest = stale.length > MOST_NAMED ? `; and ${stale.length - MOST_NAMED} more` : '';
  const many = `${stale.length} of ${trajectories.length} inputs are older than max_lag ${maxLag} allows`;
  throw new Fault(400, `${many}: ${named}${rest}. Sample them anew, or allow more.`);
}

function ageOf(oldest: { by: string; lag: number | null } | undefined): string {
  if (oldest === undefined) return 'was sampled by nothing that is known here';
  if (oldest.lag === null) return `was sampled by '${oldest.by}', which is not on the way to the head`;
  return `was sampled by '${oldest.by}', ${oldest.lag} ${oldest.lag === 1 ? 'step' : 'steps'} behind the head`;
}
