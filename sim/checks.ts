/** The invariants that are held against the record. */
import type { Job } from '../packages/hud/src/eval/job.ts';
import type { RunRecord } from '../packages/hud/src/protocol/record.ts';
import type { Store } from '../packages/hud/src/store/index.ts';
import type { Stage } from './stage.ts';

const PAGE = 1_000;

/** A job whose `run` has returned: every slot has its end, in memory as in the record, and the numbers add up. */
export async function checkSums({ scenario, world }: Stage, job: Job, store: Store): Promise<void> {
  const slots = scenario.tasks * scenario.group * scenario.parts;
  const { n, runs, mean, excluded } = job.summary();
  const left = Object.values(excluded).reduce((sum, count) => sum + count, 0);
  if (n + left !== slots || runs !== slots) world.fail('sums', `${n} graded and ${left} excluded of ${slots} slots`);
  const newest = newestOf(await allRuns(store, job.id));
  const graded = newest.filter((run) => run.class === 'graded');
  const total = graded.reduce((sum, run) => sum + (run.reward ?? Number.NaN), 0);
  if (newest.length !== slots || graded.length !== n)
    world.fail('sums', `the record has ${graded.length} graded of ${newest.length} slots, the summary ${n} of ${slots}`);
  if (n > 0 && Math.abs(total / n - (mean ?? Number.NaN)) > 1e-9)
    world.fail('sums', `the record's mean is ${total / n}, the summary's ${mean}`);
  const ends = new Map(newest.map((run) => [run.traceId, run]));
  for (const run of job.runs) {
    if (ends.get(run.traceId)?.class !== run.class)
      world.fail('sums', `${run.slug} #${run.repeat} ended as ${run.class}, its row says ${ends.get(run.traceId)?.class ?? 'nothing'}`);
  }
}

/** After everything: what was acknowledged is there, no slot counts twice, nothing is left open. */
export async function checkRecord({ world, ledger }: Stage, store: Store): Promise<void> {
  const [main = ''] = ledger.jobs;
  const found = new Map<string, RunRecord>();
  for (const job of (await store.listJobs({ limit: PAGE })).items) {
    if (job.status === 'running') world.fail('orphan', `job ${job.id} counts as running, and nobody runs it`);
    if (job.id === main && job.status !== 'completed') world.fail('sums', `the job is done, its row says ${job.status}`);
    const runs = await allRuns(store, job.id);
    for (const run of runs) {
      found.set(run.traceId, run);
      if (run.class === undefined) world.fail('orphan', `run ${run.traceId} never ended`);
    }
    for (const slot of Map.groupBy(runs, ({ slug, repeat }) => `${slug} #${repeat}`).values()) checkSlot(world, slot);
  }
  for (const [traceId, told] of ledger.acknowledged) {
    const run = found.get(traceId);
    if (run?.class !== told.class || run.reward !== told.reward)
      world.fail(
        'verdict-lost',
        `${traceId} was acknowledged as ${told.class} ${told.reward}, the record says ${run?.class} ${run?.reward}`,
      );
    const spans = (await store.listSpans(traceId, { limit: PAGE })).items.length;
    if (spans !== told.steps) world.fail('spans', `${traceId} ended with ${told.steps} steps, the record has ${spans}`);
  }
}

function checkSlot(world: Stage['world'], attempts: readonly RunRecord[]): void {
  const [{ slug, repeat } = { slug: '', repeat: 0 }] = attempts;
  const graded = attempts.filter((run) => run.class === 'graded');
  if (graded.length > 1) world.fail('slot-once', `${slug} #${repeat} has ${graded.length} counted verdicts`);
  if (graded.length === 1 && attempts.at(-1)?.class !== 'graded')
    world.fail('slot-once', `${slug} #${repeat} was run again after its verdict`);
  if (attempts.some((run, i) => run.attempt !== i + 1))
    world.fail('slot-once', `the attempts of ${slug} #${repeat} are not counted 1, 2, 3`);
}

/** Nothing outlives everybody: no process, no folder, no lease. */
export async function checkNothingLeft({ world }: Stage, store: Store, self: number): Promise<void> {
  const alive = world.processes.filter((process) => process.isAlive && process.pid !== self);
  if (alive.length > 0) world.fail('orphan', `still there: ${alive.map(({ pid, name }) => `${name} (${pid})`).join(', ')}`);
  if (world.folders.size > 0) world.fail('orphan', `folders are left: ${[...world.folders].join(', ')}`);
  const leases = await store.listLeases();
  if (leases.length > 0) world.fail('orphan', `leases are left: ${leases.map(({ kind, id }) => `${kind} ${id}`).join(', ')}`);
}

async function allRuns(store: Store, jobId: string): Promise<RunRecord[]> {
  return (await store.listRuns(jobId, { limit: PAGE })).items;
}

/** The last attempt of each slot; attempts come in order. */
function newestOf(runs: readonly RunRecord[]): RunRecord[] {
  return [...new Map(runs.map((run) => [`${run.repeat} ${run.slug}`, run])).values()];
}
