/** What a session came to: before and after with intervals, the curve, where everything is. */
import type { Checkpoint } from '../../protocol/api/models.ts';
import { pairedDifference, type PairedDifference } from '../../statistics/index.ts';
import { literalLine } from '../terminal/literal.ts';
import { table } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { duration, plural } from '../terminal/wording.ts';
import { picture } from './picture.ts';
import type { Evaluation, Round, TrainJournal } from './journal.ts';
import type { TrainPlan } from './plan.ts';
import { estimate, tokenRate } from './progress.ts';

export interface SessionReport {
  plan: TrainPlan;
  journal: TrainJournal;
  jobId: string;
  /** Of the model; undefined where no settings name pages. */
  url: string | undefined;
  checkpoints: readonly Checkpoint[];
  /** Tasks that are never trained on; 0: it was measured on those of the training. */
  heldOut: number;
  isInterrupted: boolean;
}

export function trainDocument({ journal, jobId, url, checkpoints, heldOut, isInterrupted, plan }: SessionReport): Record<string, unknown> {
  const { modelId, modelName } = journal.begin;
  return {
    model: { id: modelId, name: modelName, ...(url === undefined ? {} : { url }) },
    job: { id: jobId },
    plan,
    isInterrupted,
    heldOut,
    evaluations: evaluationsOf(journal).map(({ kind: _kind, ...evaluation }) => evaluation),
    difference: differenceOf(journal) ?? null,
    steps: roundsOf(journal).map(({ kind: _kind, ...round }) => round),
    checkpoints: checkpoints.map(({ id, name, isActive, meanReward }) => ({ id, name, isActive, meanReward })),
  };
}

export function* trainReport(report: SessionReport, terminal: Terminal): Generator<string> {
  const { journal, plan, heldOut, isInterrupted, jobId } = report;
  const rounds = roundsOf(journal);
  yield* measured(journal, heldOut, terminal);
  yield* curves(rounds, terminal);
  const rollouts = rounds.reduce((sum, round) => sum + round.rollouts, 0);
  const ms = rounds.reduce((sum, round) => sum + round.rolloutMs + round.stepMs, 0);
  yield `${rounds.length} of ${plural(plan.steps, 'step')}, ${plural(rollouts, 'rollout')} in ${duration(ms)}, ${tokenRate(rounds)}`;
  const idle = rounds.filter(({ checkpointId }) => checkpointId === null).length;
  if (idle > 0) yield terminal.dim(idleWords(idle, rounds.length));
  yield '';
  yield* checkpointTable(report.checkpoints, terminal);
  if (isInterrupted) yield `${terminal.bold('Go on with it:')}  hud train --resume ${jobId.slice(0, 8)}`;
  if (report.url !== undefined) yield `Curves and checkpoints:  ${report.url}`;
  yield terminal.dim(`Its checkpoints here:    hud models checkpoints ${literalLine(journal.begin.modelName)}`);
  yield terminal.dim(`Its rollouts:            hud jobs ${jobId.slice(0, 12)}`);
  yield terminal.dim(`For another trainer:     hud rollouts ${jobId.slice(0, 8)} --format trl --out rollouts.jsonl`);
}

function* measured(journal: TrainJournal, heldOut: number, { bold, dim }: Terminal): Generator<string> {
  const [before, ...later] = evaluationsOf(journal);
  const after = later.at(-1);
  const what = heldOut === 0 ? 'tasks, the ones that it is trained on' : 'tasks that it is never trained on';
  const line = (name: string, evaluation: Evaluation): string =>
    `${name.padEnd(12)} reward ${bold(estimate(evaluation))}   ${dim(`${evaluation.graded} ${what}, 95 % interval`)}`;
  if (before !== undefined) yield line('before', before);
  if (after !== undefined) yield line(`after ${after.after}`, after);
  const difference = differenceOf(journal);
  if (difference !== undefined)
    yield `${'difference'.padEnd(12)}        ${bold(signed(difference))}   ${dim('each task compared with itself')}`;
  if (before !== undefined) yield '';
}

function* curves(rounds: readonly Round[], terminal: Terminal): Generator<string> {
  if (rounds.length < 2) return;
  yield terminal.dim('mean reward of each step, with the upper half of its 95 % interval');
  yield* picture(rounds, { columns: terminal.columns, rows: CURVE_ROWS }, terminal);
  yield '';
}

const CURVE_ROWS = 13;
/** A round without a spread makes no checkpoint: their numbers fall behind those of the rounds. */
function idleWords(idle: number, all: number): string {
  if (idle < all) return `${idle} of them taught nothing, as every group earned the same throughout, and made no checkpoint`;
  return 'No group had a spread, so nothing was learnt. Tasks that are neither too hard nor too easy have one, and a larger --group finds it';
}

const MOST_CHECKPOINTS = 6;

function* checkpointTable(checkpoints: readonly Checkpoint[], terminal: Terminal): Generator<string> {
  if (checkpoints.length === 0) return;
  const shown = checkpoints.slice(-MOST_CHECKPOINTS);
  const columns = [{ header: '' }, { header: 'checkpoint' }, { header: 'id' }, { header: 'reward', align: 'right' as const }];
  const rows = shown.map(({ isActive, name, id, meanReward }) => [isActive ? '>' : '', name, id, meanReward?.toFixed(3) ?? '-']);
  yield* table(columns, rows, terminal);
  if (shown.length < checkpoints.length) yield terminal.dim(`and ${checkpoints.length - shown.length} before them`);
  yield '';
}

/** Last minus first evaluation; undefined before there are two. */
function differenceOf(journal: TrainJournal): PairedDifference | undefined {
  const [before, ...later] = evaluationsOf(journal);
  const after = later.at(-1);
  if (before === undefined || after === undefined) return undefined;
  const means = ({ tasks }: Evaluation): Map<string, number> => new Map(Object.entries(tasks));
  return pairedDifference(means(after), means(before)) ?? undefined;
}

function signed({ mean, low, high }: PairedDifference): string {
  const half = low === null || high === null ? '' : ` ± ${((high - low) / 2).toFixed(2)}`;
  return `${mean < 0 ? '−' : '+'}${Math.abs(mean).toFixed(2)}${half}`;
}

function evaluationsOf({ evaluations }: TrainJournal): Evaluation[] {
  return [...evaluations.values()].toSorted((a, b) => a.after - b.after);
}

function roundsOf({ rounds }: TrainJournal): Round[] {
  return [...rounds.values()].toSorted((a, b) => a.number - b.number);
}
