/** What a row of the bench is; `run.ts` picks rows, `contest.ts` runs one comparison. */
import type { Scratch } from './scratch.ts';
import type { Figures } from './worker.ts';

export type { Figures } from './worker.ts';

/** Takes one sample. Rejects when the thing measured did not do its work: a wrong result has no speed. */
export type Side = () => Promise<Figures>;

/** Both sides of a comparison, warm and waiting; the original only where it runs. */
export interface Sides extends AsyncDisposable {
  ours: Side;
  reference: Side;
  /** The Python package doing the same, or why it is not there. */
  original?: Side | { absent: string };
}

/** A bound on the ratio ours : reference, or on our own figure. Met when the whole interval is within it. */
export interface Goal {
  of: 'ratio' | 'ours';
  bound: 'atLeast' | 'atMost';
  value: number;
}

export interface Measure {
  /** A name in the samples' figures. */
  figure: string;
  unit: string;
  goal?: Goal;
}

export interface Contest {
  /** What our side does. */
  what: string;
  /** What the other side does. */
  reference: string;
  measures: readonly Measure[];
  /** Fewer blocks than asked for, where one takes long and varies little, as memory does. @default as asked for */
  maxBlocks?: number;
  /** Whether others' processor time can change the figures: not of virtual time, nor of memory. @default true */
  isTimed?: boolean;
  /** Samples of each side before the first block, which are not counted. @default 1 */
  warmUps?: number;
  open(context: Context): Promise<Sides>;
}

export interface Row {
  id: string;
  /** Other names that it answers to. */
  also?: readonly string[];
  title: string;
  contests: readonly Contest[];
}

/** What a contest is given to set itself up. */
export interface Context {
  /** Few and small samples: shows that a row works, proves nothing. */
  isQuick: boolean;
  /** Servers on core 0, drivers on core 1. */
  isPinned: boolean;
  /** Draws inputs; the same for the same `--seed`. */
  seed: number;
  /** On the repository's file system, because a file system in memory makes every disk look free. */
  scratch: Scratch;
}

/** Short forms for goals. */
export const ratioAtLeast = (value: number): Goal => ({ of: 'ratio', bound: 'atLeast', value });
export const ratioAtMost = (value: number): Goal => ({ of: 'ratio', bound: 'atMost', value });
export const oursAtLeast = (value: number): Goal => ({ of: 'ours', bound: 'atLeast', value });
export const oursAtMost = (value: number): Goal => ({ of: 'ours', bound: 'atMost', value });
