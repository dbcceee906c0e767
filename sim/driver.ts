/** A simulated process that runs the job, or goes on with it: `hud eval`, `hud resume`. */
import { Admission } from '../packages/hud/src/eval/admission.ts';
import { Job } from '../packages/hud/src/eval/job.ts';
import { Taskset } from '../packages/hud/src/eval/taskset.ts';
import type { Machine } from '../packages/hud/src/host/machine.ts';
import { toHudError, type ErrorCode } from '../packages/hud/src/protocol/errors.ts';
import { Task } from '../packages/hud/src/protocol/task.ts';
import { keepReaping, openStore, type Store } from '../packages/hud/src/store/index.ts';
import { simAgent } from './agent.ts';
import { checkSums } from './checks.ts';
import { PLACE_COST, simProvider } from './places.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

interface DriveOptions {
  store: Store;
  jobId: string | undefined;
  signal: AbortSignal;
}

export interface Driver {
  process: SimProcess;
  interrupt: AbortController;
  /** The job that it completed; undefined when it failed or was killed. */
  ended: Promise<string | undefined>;
}

/** How `run` may fail while faults are injected; anything else is a defect. */
const MAY_FAIL: readonly ErrorCode[] = [
  'STORE_FULL',
  'STORE_LOCKED',
  'STORE_UNWRITABLE',
  'JOB_RUNNING',
  'CANCELLED',
  'RUNTIME_UNREACHABLE',
];
/** Virtual time that no run of such a small job takes, in milliseconds. */
const LONGEST_MS = 2 * 3_600_000;

export function startDriver(stage: Stage, jobId: string | undefined): Driver {
  const { world } = stage;
  const process = world.spawn(jobId === undefined ? 'driver' : 'driver that resumes');
  const interrupt = new AbortController();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const begin = async (): Promise<void> => {
    resolve(await main(stage, process, jobId, interrupt.signal));
    process.kill('exits');
  };
  process.isBusy = true;
  process.onEnd(() => resolve(undefined));
  world.schedule(0, process, 'begins', () => void begin());
  world.schedule(LONGEST_MS, undefined, 'patience ends', () => {
    if (process.isAlive) world.fail('hang', `driver ${process.pid} is not done after ${LONGEST_MS / 60_000} minutes`);
  });
  return { process, interrupt, ended: promise };
}

/** @returns the job's id when it was completed */
async function main(stage: Stage, process: SimProcess, jobId: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  const host = stage.hostOf(process);
  try {
    await using store = await openStore({ directory: stage.world.directory, host });
    await using _reaping = stage.scenario.keepsReaping ? keepReaping(store, host) : undefined;
    const heard = stage.ledger.listen(stage.plant?.store?.(store) ?? store, process);
    const options = { store: heard, jobId, signal };
    const job = await (stage.scenario.parts === 1 ? run(stage, process, options) : runInParts(stage, process, options));
    await checkSums(stage, job, store);
    return job.id;
  } catch (value) {
    const error = toHudError(value);
    stage.world.log(process, `fails with ${error.code}`);
    const isExpected = MAY_FAIL.includes(error.code) || (jobId === undefined && error.code === 'JOB_NOT_FOUND');
    if (process.isAlive && !isExpected) stage.world.fail('failed-run', `run() failed with ${error.code}: ${error.stack ?? error.message}`);
    return undefined;
  }
}

/** One job over several calls of `run`, as a training session has it. */
async function runInParts(stage: Stage, process: SimProcess, options: DriveOptions): Promise<Job> {
  const { jobId, store } = options;
  const host = stage.hostOf(process);
  const { group, parts } = stage.scenario;
  const job = await (jobId === undefined ? Job.start('simulated', { store, host, group }) : Job.resume(jobId, { store, host }));
  try {
    for (let part = 0; part < parts; part++) await run(stage, process, { ...options, job });
  } catch (error) {
    await job.end(error);
    throw error;
  }
  await job.end();
  return job;
}

async function run(stage: Stage, process: SimProcess, options: DriveOptions & { job?: Job }): Promise<Job> {
  const { scenario } = stage;
  const host = stage.hostOf(process);
  const optional = { maxConcurrent: scenario.maxConcurrent, groupTimeout: scenario.groupTimeout, job: options.job ?? options.jobId };
  return await new Taskset('simulated', tasksOf(stage)).run(simAgent(stage, process), {
    ...withoutUndefined(optional),
    store: options.store,
    host,
    signal: options.signal,
    runtime: simProvider(stage, process, stage.served),
    admission: new Admission(host, machineOf(stage, process)),
    group: scenario.group,
    rolloutTimeout: scenario.rolloutTimeout,
    patience: scenario.patience,
    retries: scenario.retries,
    retryOn: scenario.retryOn,
    rerun: scenario.rerun,
  });
}

export function tasksOf({ scenario }: Stage): Task[] {
  const verifier = scenario.hasVerifier ? { verifier: new Task({ env: 'simulated', id: 'verify' }) } : {};
  return Array.from(
    { length: scenario.tasks },
    (_, n) => new Task({ env: 'simulated', id: 'count', args: { n }, slug: `task-${n}`, ...verifier }),
  );
}

/** A machine with room for some places; how busy it is changes from look to look. */
function machineOf({ scenario, world }: Stage, process: SimProcess): Machine {
  const spare = { descriptors: 48, processes: 64, memory: 256 * 1024 * 1024 };
  const room = (per: number, more: number): { used: number; limit: number } => {
    const children = world.processes.filter((other) => other.isAlive && other.tag !== undefined).length;
    return { used: per * children, limit: per * scenario.room + more };
  };
  return {
    processors: 2,
    look: () => ({
      descriptors: room(PLACE_COST.descriptors, spare.descriptors),
      processes: room(PLACE_COST.processes, spare.processes),
      memory: room(PLACE_COST.memory, spare.memory),
      busy: process.random.unit(),
    }),
  };
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
