/** What a seed decides before anything runs: the job, how things behave, and which faults come when. */
import { RUN_CLASSES, type FaultClass } from '../packages/hud/src/protocol/errors.ts';
import { Random } from './random.ts';

/** How likely things go wrong by themselves, each time they are used. */
export interface Flaws {
  /** Per statement. */
  disk: number;
  /** Per transaction: its process dies at the end of it. */
  diesInCommit: number;
  /** Per destruction of what a lease names. */
  destroyFails: number;
  /** Per dial. */
  refusals: number;
  silences: number;
  /** Longest that a message is late beyond the usual, in milliseconds. */
  spread: number;
  /** Per message: it arrives in two pieces. */
  splits: number;
}

export const FAULTS = {
  'kill driver': 5,
  'kill child': 3,
  'pause driver': 2,
  'pause child': 2,
  reset: 3,
  blackhole: 2,
  'disk full': 2,
  'clock jump': 2,
  interrupt: 1,
  'second driver': 2,
  'foreign reaper': 2,
  'power cut': 2,
  intruder: 3,
  wanderer: 3,
  'kill bystander': 2,
  'pause bystander': 2,
} as const;
export type Fault = keyof typeof FAULTS;

export interface Scenario {
  tasks: number;
  group: number;
  /** Calls of `run` for the one job; each takes the next repeats. */
  parts: number;
  maxConcurrent: number | undefined;
  /** Seconds. */
  rolloutTimeout: number;
  groupTimeout: number | undefined;
  agentTimeout: number | undefined;
  patience: number;
  retries: number;
  retryOn: FaultClass[];
  rerun: FaultClass[];
  /** One environment that is served to all, instead of a child for each rollout. */
  isServed: boolean;
  /** Places come from the warm pool. */
  hasPool: boolean;
  /** The driver can see whether a child's process runs. */
  hasProbe: boolean;
  hasVerifier: boolean;
  /** A driver has another batch's reaper running, too. */
  keepsReaping: boolean;
  /** How many places the machine has room for. */
  room: number;
  /** Children that ignore TERM and the end of their owner. */
  stuck: number;
  /** How often agents, templates and boots misbehave, 0 to 1. */
  mischief: number;
  flaws: Flaws;
  faults: { atMs: number; fault: Fault }[];
}

const CLASSES = RUN_CLASSES.filter((kind) => kind !== 'graded');

export function scenarioOf(seed: number): Scenario {
  const random = new Random(`${seed}/scenario`);
  const maybe = <T>(probability: number, value: T): T | undefined => (random.chance(probability) ? value : undefined);
  const tasks = random.between(1, 4);
  return {
    tasks,
    group: random.between(tasks === 1 ? 3 : 1, 3),
    parts: tasks < 3 && random.chance(0.15) ? 2 : 1,
    maxConcurrent: maybe(0.4, random.between(1, 4)),
    rolloutTimeout: random.between(20, 60),
    groupTimeout: maybe(0.15, random.between(5, 20)),
    agentTimeout: maybe(0.3, random.between(3, 15)),
    patience: random.between(2, 10),
    retries: random.between(0, 2),
    retryOn: maybe(0.3, ['provider', 'boot'] as FaultClass[]) ?? [],
    rerun: random.chance(0.5) ? ['cancelled'] : CLASSES.filter(() => random.chance(0.4)),
    isServed: random.chance(0.25),
    hasPool: random.chance(0.5),
    hasProbe: random.chance(0.5),
    hasVerifier: random.chance(0.2),
    keepsReaping: random.chance(0.2),
    room: random.between(1, 12),
    stuck: random.chance(0.5) ? 0.3 : 0,
    mischief: random.chance(0.6) ? random.unit() * 0.4 : 0,
    flaws: flaws(random),
    faults: faults(random),
  };
}

function flaws(random: Random): Flaws {
  const severity = random.pick([1, 1, 1, 4]);
  const some = (probability: number, most: number): number => (random.chance(probability) ? random.unit() * most * severity : 0);
  return {
    disk: some(0.4, 0.02),
    diesInCommit: some(0.3, 0.03),
    destroyFails: some(0.1, 0.2),
    refusals: some(0.3, 0.1),
    silences: some(0.2, 0.05),
    spread: random.pick([0.5, 5, 50]),
    splits: random.pick([0, 0.1, 0.5]),
  };
}

/** Close together in some worlds, far apart in others. */
function faults(random: Random): Scenario['faults'] {
  const spanMs = random.pick([1_000, 8_000, 30_000]);
  const count = random.chance(0.1) ? 0 : random.between(1, 7);
  return Array.from({ length: count }, () => ({ atMs: random.unit() * spanMs, fault: random.weighted(FAULTS) }));
}
