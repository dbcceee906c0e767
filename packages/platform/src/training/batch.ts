/** From trajectories to what the engine computes: groups, advantages, and parts that are cut between groups. */
import { Fault } from '../fault.ts';
import { advantagesOf, groupsOf, hasSpread, type AdvantageKind } from './advantages.ts';
import { Breath } from './breath.ts';
import type { Datum, Loss } from './engine.ts';
import type { Trajectory, Turn } from './inputs.ts';
import type { Numbers } from './numbers.ts';

export interface BatchOptions {
  loss: Loss;
  groupSize: number | undefined;
  rewardScale: number;
  substeps: number;
  advantage: AdvantageKind;
}

/**
 * The parts of a batch, each for a pass of its own: nearly equal, cut between groups. Groups whose rewards are all equal
 * teach nothing and are left out, but for `cross_entropy`, which knows no rewards.
 */
export async function partsOf(trajectories: readonly Trajectory[], options: BatchOptions): Promise<Datum[][]> {
  const { loss, rewardScale, substeps } = options;
  const isWeighted = loss === 'cross_entropy';
  const { groups, advantages } = comparedIn(trajectories, options);
  const kept = groups.filter((group) => isWeighted || hasSpread(group.map((index) => (trajectories[index]?.reward ?? 0) * rewardScale)));
  const breath = new Breath();
  const parts: Datum[][] = [];
  for (const part of split(kept, substeps)) {
    const data: Datum[] = [];
    for (const index of part.flat()) {
      const { turns = [] } = trajectories[index] ?? {};
      for (const turn of turns) data.push(datumOf(turn, advantages[index] ?? 0, isWeighted ? rewardScale : 0));
      await breath.taken();
    }
    parts.push(data);
  }
  return parts;
}

export interface Compared {
  /** Index ranges that cover the trajectories. */
  groups: number[][];
  /** Of each trajectory; null for a loss that knows no rewards. */
  advantages: (number | null)[];
}

export function comparedIn(
  trajectories: readonly Trajectory[],
  { loss, groupSize, rewardScale, advantage }: Omit<BatchOptions, 'substeps'>,
): Compared {
  const groups = groupsOf(trajectories.length, groupSize);
  const rewards = trajectories.map(({ reward }) => reward * rewardScale);
  return { groups, advantages: loss === 'cross_entropy' ? rewards.map(() => null) : advantagesOf(rewards, groups, advantage) };
}

/** @param advantage of every token that the model wrote; @param weight likewise */
export function datumOf(turn: Turn, advantage: number, weight: number): Datum {
  return { ...turn, advantages: whereWritten(turn, advantage), weights: whereWritten(turn, weight) };
}

function whereWritten({ mask }: Turn, value: number): Numbers {
  if (value === 0) return new Uint8Array(mask.length); // as many zeros in an eighth of the memory
  const list = new Float64Array(mask.length);
  for (let i = 0; i < list.length; i += 1) if (mask[i] !== 0) list[i] = value;
  return list;
}

/** At most `count` parts without an empty one, whose lengths differ by 1 at most. */
export function split<T>(items: readonly T[], count: number): T[][] {
  const parts = Math.min(count, items.length);
  return Array.from({ length: parts }, (_none, i) =>
    items.slice(Math.floor((i * items.length) / parts), Math.floor(((i + 1) * items.length) / parts)),
  );
}

/** @throws Fault 400 when the inputs are no whole groups */
export function checkGroups(count: number, groupSize: number | undefined): void {
  if (groupSize === undefined || count % groupSize === 0) return;
  throw new Fault(
    400,
    `${count} inputs are no whole groups of ${groupSize}. Leave incomplete groups out, or send no \`group_size\` for one group of all.`,
  );
}

/**
 * Runs of one recorded group stand together, whatever the order in which they were named.
 * @returns the same list when it names trajectories that are not all of groups of that size
 */
export function byRecordedGroup(trajectories: readonly Trajectory[], groupSize: number | undefined): readonly Trajectory[] {
  if (groupSize === undefined || trajectories.some(({ groupId }) => groupId === undefined)) return trajectories;
  const groups = [...Map.groupBy(trajectories, ({ groupId }) => groupId).values()];
  return groups.every(({ length }) => length === groupSize) ? groups.flat() : trajectories;
}
