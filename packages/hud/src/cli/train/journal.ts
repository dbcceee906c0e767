/** What a training session has done, as lines of a file beside the record: what is on it is not done again. */
import { appendFile, mkdir, readFile, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { TrainPlan } from './plan.ts';

const Interval = z.tuple([z.number(), z.number()]).nullable();

/** A round of rollouts, and the step on it. */
export const Round = z.object({
  kind: z.literal('round'),
  /** From 1. */
  number: z.int(),
  rollouts: z.int(),
  /** Rollouts that were graded. */
  graded: z.int(),
  /** Mean over those; null without any. */
  reward: z.number().nullable(),
  /** 95 %, of that mean. */
  interval: Interval,
  /** Groups in which rewards differ: the others teach nothing. */
  spreadGroups: z.int(),
  groups: z.int(),
  /** Sampled by the process that made the step; what one before it sampled is not counted. */
  tokens: z.int(),
  rolloutMs: z.number(),
  stepMs: z.number(),
  /** Steps that the oldest sample was behind the weights that learnt from it; null: not known. */
  lag: z.int().nullable(),
  metrics: z.record(z.string(), z.number()),
  /** Null when no group had a spread, so that there was nothing to learn. */
  checkpointId: z.string().nullable(),
  /** Slugs of tasks that were rolled out again, time after time, as the platform had gone away. */
  again: z.array(z.array(z.string())).optional(),
});
export type Round = z.infer<typeof Round>;

export const Evaluation = z.object({
  kind: z.literal('evaluation'),
  /** Rounds that were done before it. */
  after: z.int(),
  jobId: z.string(),
  graded: z.int(),
  runs: z.int(),
  reward: z.number().nullable(),
  interval: Interval,
  /** Mean reward of each task, by slug. */
  tasks: z.record(z.string(), z.number()),
});
export type Evaluation = z.infer<typeof Evaluation>;

const Begin = z.object({ kind: z.literal('begin'), plan: TrainPlan, modelId: z.string(), modelName: z.string() });
type Begin = z.infer<typeof Begin>;
const Line = z.discriminatedUnion('kind', [Begin, Round, Evaluation]);

export class TrainJournal {
  readonly begin: Begin;
  readonly rounds = new Map<number, Round>();
  readonly evaluations = new Map<number, Evaluation>();
  readonly #path: string;

  private constructor(path: string, begin: Begin) {
    this.#path = path;
    this.begin = begin;
  }

  /** @param directory of the record */
  static async create(directory: string, jobId: string, begin: Omit<Begin, 'kind'>): Promise<TrainJournal> {
    const path = pathOf(directory, jobId);
    await mkdir(dirname(path), { recursive: true });
    const journal = new TrainJournal(path, { kind: 'begin', ...begin });
    await journal.#write(journal.begin);
    return journal;
  }

  /** @throws HudError BAD_ARGUMENT when the job is no training session, or its file can't be read */
  static async read(directory: string, jobId: string): Promise<TrainJournal> {
    const path = pathOf(directory, jobId);
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new HudError('BAD_ARGUMENT', `Job ${jobId.slice(0, 8)} was not begun by \`hud train\` here: ${messageOf(cause)}.`, {
        hint: '`hud resume` goes on with jobs of `hud eval`.',
        cause,
      });
    });
    const whole = text.split('\n').slice(0, -1); // a line that was cut off by a crash counts as not written
    const [first, ...lines] = whole.map((line, at) => decoded(line, `${path}:${at + 1}`));
    if (first?.kind !== 'begin') throw new HudError('BAD_ARGUMENT', `${path} does not say how the session was begun.`);
    const journal = new TrainJournal(path, first);
    for (const line of lines) journal.#keep(line);
    const torn = text.length - text.lastIndexOf('\n') - 1;
    if (torn > 0) await truncate(path, Buffer.byteLength(text) - Buffer.byteLength(text.slice(-torn)));
    return journal;
  }

  async add(line: Round | Evaluation): Promise<void> {
    await this.#write(line);
    this.#keep(line);
  }

  #keep(line: z.infer<typeof Line>): void {
    if (line.kind === 'round') this.rounds.set(line.number, line);
    if (line.kind === 'evaluation') this.evaluations.set(line.after, line);
  }

  async #write(line: z.infer<typeof Line>): Promise<void> {
    await appendFile(this.#path, `${JSON.stringify(line)}\n`);
  }
}

function pathOf(directory: string, jobId: string): string {
  return join(directory, 'training', `${jobId}.jsonl`);
}

function decoded(line: string, where: string): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(line));
  } catch (cause) {
    throw new HudError('BAD_ARGUMENT', `${where} can't be read: another version of hud wrote it, or something else did.`, {
      hint: 'Begin a new session with `hud train`; the checkpoints of this one stay: train on with --model.',
      cause,
    });
  }
}
