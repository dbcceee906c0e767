/** The life of one job: started, disturbed, taken up again until it is done, and cleared away. */
import { openStore, reap } from '../packages/hud/src/store/index.ts';
import { checkNothingLeft, checkRecord } from './checks.ts';
import { startDriver, type Driver } from './driver.ts';
import { startServer } from './server.ts';
import { inflict } from './fault-actions.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

/** Who plays. */
export interface Cast {
  drivers: Driver[];
  /** Reapers in processes of their own. */
  bystanders: SimProcess[];
  /** One more driver for the job, whatever the others do. */
  resume(): Driver;
}

const DISTURBED_ROUNDS = 5;
const ROUNDS = 9;
/** Longest that a child outlives its owner, or a shutdown takes, in milliseconds. */
const AFTERMATH_MS = 40_000;

export async function tell(stage: Stage): Promise<void> {
  const { world, ledger } = stage;
  const cast: Cast = {
    drivers: [],
    bystanders: [],
    resume: () => {
      const driver = startDriver(stage, ledger.jobs[0]);
      cast.drivers.push(driver);
      return driver;
    },
  };
  const server = stage.scenario.isServed ? await startServer(stage) : undefined;
  scheduleFaults(stage, cast);
  await untilDone(stage, cast);
  world.isQuiet = true;
  await allEnded(cast);
  // Once more, undisturbed: all is done, and nothing that counts is run again.
  if ((await cast.resume().ended) === undefined) world.fail('failed-run', 'a job that is done could not be opened again');
  await world.sleep(AFTERMATH_MS);
  await server?.stop();
  await clearAway(stage);
}

function scheduleFaults(stage: Stage, cast: Cast): void {
  const { world, scenario } = stage;
  const random = world.stream('faults');
  for (const { atMs, fault } of scenario.faults) {
    world.schedule(atMs, undefined, `time for: ${fault}`, () => {
      if (!world.isQuiet && inflict(stage, cast, fault, random)) world.injected(fault);
    });
  }
}

async function untilDone({ world, ledger }: Stage, cast: Cast): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    if (round >= DISTURBED_ROUNDS) world.isQuiet = true;
    cast.resume();
    const rivals = round > 0 && world.random.chance(0.3) ? 1 : 0;
    for (let rival = 0; rival < rivals; rival++) cast.resume();
    const completed = await allEnded(cast);
    if (completed.some((id) => id !== undefined && id === ledger.jobs[0])) return;
    await world.sleep(world.random.between(0, 3_000));
  }
  world.fail('failed-run', `the job is not done after ${ROUNDS} drivers, of which the last ones were left in peace`);
}

/** Also those that join meanwhile. */
async function allEnded(cast: Cast): Promise<(string | undefined)[]> {
  const completed: (string | undefined)[] = [];
  for (let i = 0; i < cast.drivers.length; i++) completed.push(await cast.drivers[i]?.ended);
  return completed;
}

/** The last process that uses the store: its reaper finds what all others have left behind. */
async function clearAway(stage: Stage): Promise<void> {
  const { world } = stage;
  const process = world.spawn('last reaper');
  const host = stage.hostOf(process);
  process.isBusy = true;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  world.schedule(0, process, 'begins', () => {
    const main = async (): Promise<void> => {
      await using store = await openStore({ directory: world.directory, host });
      for (const { lease, problem } of await reap(store, host))
        if (problem !== undefined) world.fail('orphan', `${lease.id} can't be destroyed: ${problem}`);
      await checkNothingLeft(stage, store, process.pid);
      await checkRecord(stage, store);
    };
    main().then(resolve, reject);
  });
  await promise;
  process.kill('exits');
}
