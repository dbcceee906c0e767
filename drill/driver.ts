/**
 * One driver: `node driver.ts <load as JSON>`. Runs the job of that load, or goes on with it, on the store in
 * DRILL_STORE. Ends with 0 when every rollout is graded, 4 when some are left for another round, 5 when the job is
 * said to be run by another process, 6 when by this one, 3 when it failed otherwise.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError, LocalRuntime, Runtime, Task, Taskset, defineAgent, openStore, type Provider, type RunEvent, type RunOptions } from 'hud';
import type { Told } from './books.ts';
import { slugOf, type Load } from './load.ts';

const STORE_TRIES = 20;
const STORE_RETRY_MS = 500;
/** How often the pace is looked up. */
const PACE_MS = 200;

const load = JSON.parse(process.argv[2] ?? '') as Load;
const driver = Number(process.env.DRILL_DRIVER);
const pace = { ms: 400, readAt: -Infinity };
const events = openSync(setting('DRILL_EVENTS'), 'as');
const parent = new AbortController();
process.stdin.on('end', () => parent.abort(new HudError('CANCELLED', 'the drill ended'))).resume();

/** @returns whether every rollout is graded */
async function drive(): Promise<boolean> {
  await using store = await openStore({ directory: setting('DRILL_STORE') });
  const known = (await store.listJobs({ limit: 100 })).items.filter(({ name }) => name === load.name);
  const tasks = Array.from({ length: load.tasks }, (_, n) => new Task({ env: 'drill', id: 'say', args: { n }, slug: slugOf(load, n) }));
  const options: RunOptions = {
    runtime: provider(),
    store,
    maxConcurrent: load.maxConcurrent,
    retries: 3,
    retryOn: ['boot', 'sandbox', 'provider', 'grader', 'agent', 'limit', 'timeout'],
    rerun: ['cancelled', 'boot', 'sandbox', 'provider', 'grader', 'agent', 'limit', 'timeout'],
    patience: 2,
    rolloutTimeout: 60,
    signal: parent.signal,
    ...(known[0] === undefined ? { name: load.name, group: load.group } : { job: known[0].id }),
  };
  let isComplete = false;
  for await (const event of new Taskset(load.name, tasks).stream(agent, options)) {
    note(event);
    if (event.type === 'job-ended') isComplete = event.job.summary().n === load.tasks * load.group;
  }
  return isComplete;
}

function provider(): Provider {
  if (load.place === 'server') return new Runtime(setting('DRILL_SERVER'));
  return new LocalRuntime(join(import.meta.dirname, 'world.ts'), { readyTimeout: 20 });
}

const agent = defineAgent(
  async (run, { signal }) => {
    run.record({ source: 'agent', content: `thinking about ${run.slug}` });
    const factor = 0.25 + 1.5 * Math.random();
    const since = performance.now();
    for (let left = factor * thinkingMs(); left > 0; left = since + factor * thinkingMs() - performance.now())
      await sleep(Math.min(left, PACE_MS), undefined, { signal });
    run.trace.content = JSON.stringify({ slug: run.slug, repeat: run.repeat, traceId: run.traceId });
  },
  { name: 'drill' },
);

/** The drill slows down whoever is ahead, so that all loads last until its end. */
function thinkingMs(): number {
  const now = performance.now();
  if (now - pace.readAt < PACE_MS) return pace.ms;
  pace.readAt = now;
  try {
    pace.ms = (JSON.parse(readFileSync(setting('DRILL_PACE'), 'utf8')) as Record<string, number>)[load.name] ?? pace.ms;
  } catch {
    return pace.ms; // no descriptor is left: the last figure will do
  }
  return pace.ms;
}

function note(event: RunEvent): void {
  if (event.type === 'job-started') return tell({ type: 'job', load: load.name, jobId: event.job.id, driver, at: event.job.runs.length });
  if (event.type !== 'run-started' && event.type !== 'run-ended' && event.type !== 'run-retried') return;
  const { run } = event;
  const { slug, repeat, attempt, traceId } = run;
  const common = { load: load.name, slug, repeat, attempt, traceId, driver };
  if (event.type === 'run-started') tell({ type: 'started', ...common });
  else if (event.type === 'run-retried') tell({ type: 'retried', ...common });
  else tell({ type: 'ended', ...common, class: run.class ?? '', reward: run.reward });
}

/** On disk before the next event is taken. */
function tell(line: Told): void {
  writeSync(events, `${JSON.stringify(line)}\n`);
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/**
 * Every other driver stays when the record can't be written, and goes on with its job when it can again: no
 * other process need help it.
 */
async function keepDriving(): Promise<boolean> {
  for (let tries = 0; ; tries++) {
    try {
      return await drive();
    } catch (error) {
      const isStore = error instanceof HudError && error.code.startsWith('STORE_');
      if (!isStore || driver % 2 === 0 || tries === STORE_TRIES) throw error;
    }
    await sleep(STORE_RETRY_MS);
  }
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof HudError) || error.code !== 'JOB_RUNNING') return 3;
  return error.message.includes(`process ${process.pid}.`) ? 6 : 5;
}

try {
  process.exitCode = (await keepDriving()) ? 0 : 4;
} catch (error) {
  const code = error instanceof HudError ? `${error.code}: ` : '';
  process.stderr.write(`${code}${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
process.stdin.destroy();
