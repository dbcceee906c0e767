/** One comparison: blocks of A B B A, each behind the fence, until enough are clean or too many are not. */
import type { Contest, Context, Figures, Side, Sides } from './contract.ts';
import { DISCARD_LIMIT, judge, readFence, type Fence } from './fence.ts';
import { blockOrder, type Letter } from './order.ts';

export interface Sample {
  side: Letter | 'original';
  figures: Figures;
}

export interface Block {
  samples: Sample[];
  fence: Fence;
}

export interface ContestRun {
  blocks: Block[];
  /** Why the original was not measured. */
  originalAbsent?: string;
  /** Why the contest ended early. */
  failure?: string;
}

export interface BlockPlan {
  /** Clean blocks wanted. */
  wanted: number;
  /** Blocks in which the original takes part too, being slow. */
  withOriginal: number;
  random: () => number;
  onBlock?: (block: Block) => void;
}

/** A contest that fails keeps the blocks it had: the message stands in its result, never nothing. */
export async function runContest(contest: Contest, context: Context, plan: BlockPlan): Promise<ContestRun> {
  const run: ContestRun = { blocks: [] };
  try {
    await using sides = await contest.open(context);
    const original = typeof sides.original === 'function' ? sides.original : undefined;
    if (typeof sides.original === 'object') run.originalAbsent = sides.original.absent;
    for (let i = 0; i < (contest.warmUps ?? 1); i += 1) {
      await sides.ours();
      await sides.reference();
    }
    const wanted = Math.min(plan.wanted, contest.maxBlocks ?? plan.wanted);
    await takeBlocks(run, { ...plan, wanted }, async (isWithOriginal) => {
      const block = await sampleBlock(sides, isWithOriginal ? original : undefined, plan.random);
      return contest.isTimed === false ? { ...block, fence: { ...block.fence, isClean: true } } : block;
    });
  } catch (error) {
    run.failure = error instanceof Error ? error.message : String(error);
  }
  return run;
}

/** Stops once so many were discarded that no number of clean ones to come would do. */
export async function takeBlocks(
  run: ContestRun,
  { wanted, withOriginal, onBlock }: Omit<BlockPlan, 'random'>,
  take: (isWithOriginal: boolean) => Promise<Block>,
): Promise<void> {
  const most = mostBlocks(wanted);
  let clean = 0;
  while (clean < wanted && run.blocks.length - clean <= most - wanted) {
    const block = await take(run.blocks.length < withOriginal);
    run.blocks.push(block);
    if (block.fence.isClean) clean += 1;
    onBlock?.(block);
  }
}

/** So many that `wanted` clean ones among them are just not void; at least one repeat. */
export function mostBlocks(wanted: number): number {
  return Math.max(wanted + 1, Math.floor(wanted / (1 - DISCARD_LIMIT)));
}

async function sampleBlock(sides: Sides, original: Side | undefined, random: () => number): Promise<Block> {
  const before = readFence();
  const samples: Sample[] = [];
  for (const side of blockOrder(random)) {
    samples.push({ side, figures: side === 'A' ? await sides.ours() : await sides.reference() });
  }
  if (original !== undefined) samples.push({ side: 'original', figures: await original() });
  return { samples, fence: judge(before, readFence()) };
}
