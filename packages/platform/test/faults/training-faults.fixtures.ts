/** What happens around a request: duplicates, cut connections, impatient callers, strangers, kills, full disks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomOf } from '../../src/training/local/random.ts';
import type { DisturbedPlatform } from './training-platform.fixtures.ts';
import { bySdk, post, postPart, untilAnswered, type Answer, type Call } from './training-trainer.fixtures.ts';

interface Around {
  on: DisturbedPlatform;
  call: Call;
  random: Random;
  signal: AbortSignal;
}

interface Random {
  /** Uniform, below the number. */
  below(most: number): number;
  of<T>(items: readonly T[]): T;
}

interface Fault {
  /** What others do to the gradient comes first: before any part of the request has been sent. */
  when: 'first' | 'before' | 'during' | 'after';
  /** Where it makes sense. @default everywhere */
  fits?(call: Call, on: DisturbedPlatform): boolean;
  /** @param answer only of one that comes after */
  happen(around: Around, answer: Answer | undefined): Promise<void>;
}

const PHASES = ['accepted', 'done'];
const STEP_PHASES = [...PHASES, 'applying', 'applied', 'state-saved', 'sampler-saved'];
const isSent = ({ kind }: Call): boolean => kind === 'forward-backward' || kind === 'optim-step';
/** A checkpoint of the tiny model: its state, then its sampler. */
const CHECKPOINT_BYTES = 1_700_000;

const FAULTS: Readonly<Record<string, Fault>> = {
  'sent twice at once': { when: 'during', happen: async ({ call }) => void (await post(call)) },
  'sent again after its answer': {
    when: 'after',
    happen: async ({ call }, answer) => {
      const again = await post(call);
      if (again === undefined || again.status === 503) return;
      if (again.status !== answer?.status) throw new Error(`${call.key} was answered with ${answer?.status}, then with ${again.status}.`);
    },
  },
  'two clients, one key': {
    when: 'during',
    fits: isSent,
    happen: async ({ call, signal }) => {
      const { status, text } = await bySdk(call, signal);
      if (![200, 409].includes(status)) throw new Error(`${call.key} by another client: ${status} ${text}`);
    },
  },
  'cut before the body': { when: 'before', happen: async ({ call }) => await postPart(call, 0) },
  'cut within the body': { when: 'before', happen: async ({ call, random }) => await postPart(call, random.below(1)) },
  'cut after the body': { when: 'before', happen: async ({ call }) => await postPart(call, 1) },
  'given up, then sent again': {
    when: 'before',
    happen: async ({ call, random }) => void (await post(call, AbortSignal.timeout(Math.ceil(random.below(150))))),
  },
  'key with another body': {
    when: 'after',
    happen: async ({ call }) => await refused({ ...call, body: { ...call.body, ...OTHER[call.kind] } }, [409]),
  },
  'a step of somebody else': {
    when: 'first',
    fits: ({ isFirst }) => isFirst,
    happen: async ({ call, random }) =>
      await refused({ ...call, kind: 'optim-step', body: OTHER['optim-step'], key: keyOf(random) }, [409]),
  },
  'a bad pass of somebody else': {
    when: 'during',
    happen: async ({ call, random }) =>
      await refused({ ...call, kind: 'forward-backward', body: { inputs: ['0'.repeat(32)] }, key: keyOf(random) }, [404]),
  },
  'a head that is not there': {
    when: 'during',
    happen: async ({ call }) => {
      const status = await putHead(call, '0'.repeat(32));
      if (status !== undefined && ![404, 503].includes(status)) throw new Error(`An unknown head was answered with ${status}.`);
    },
  },
  'the head set to what it is': {
    when: 'first',
    fits: ({ isFirst, kind }) => isFirst || kind === 'optim-step', // between two passes it would drop one of them
    happen: async ({ call }) => {
      const head = await headOf(call);
      if (head !== undefined) await putHead(call, head);
    },
  },
  'killed at a moment': { when: 'during', happen: async ({ on, random }) => await later(random, 200, () => on.end('SIGKILL')) },
  'killed at a phase': {
    when: 'before',
    happen: async ({ on, call, random }) => on.disturb({ what: 'kill', at: { kind: call.kind, phase: phaseOf(call, random) } }),
  },
  'stopped at a moment': { when: 'during', happen: async ({ on, random }) => await later(random, 200, () => on.end('SIGTERM')) },
  'engine lost at a moment': { when: 'before', happen: async ({ on, random }) => on.disturb({ what: 'lose', at: random.below(120) }) },
  'engine lost at a phase': {
    when: 'before',
    happen: async ({ on, call, random }) => on.disturb({ what: 'lose', at: { kind: call.kind, phase: phaseOf(call, random) } }),
  },
  'disk full': {
    when: 'during',
    fits: ({ kind }, on) => on.hasDisk && kind === 'optim-step',
    happen: async ({ on, random }) => await on.fillDisk(Math.floor(random.below(1.3 * CHECKPOINT_BYTES)), 50 + random.below(500)),
  },
  'disk full, to the last byte': {
    when: 'during',
    fits: (_call, on) => on.hasDisk,
    happen: async ({ on, random }) => await on.fillDisk(0, 50 + random.below(500)),
  },
  'database held': {
    when: 'during',
    happen: async ({ on, random }) => await on.holdDatabase(random.below(1) < 0.2 ? 2_500 : random.below(400)),
  },
};

/** Another request of the kind: nothing that may ever be done. */
const OTHER = {
  'forward-backward': { reward_scale: 3 },
  forward: { reward_scale: 3 },
  backward: { metrics: { other: 1 } },
  'optim-step': { learning_rate: 0.5 },
};

/** Draws what happens around each call, and counts it. The same seed draws the same for the same calls. */
export class Faults {
  readonly tally = new Map<string, number>();
  readonly #on: DisturbedPlatform;
  readonly #random: Random;

  constructor(on: DisturbedPlatform, seed: number) {
    this.#on = on;
    const next = randomOf(seed);
    this.#random = {
      below: (most) => next() * most,
      of: <T>(items: readonly T[]) => items[Math.floor(next() * items.length)]!,
    };
  }

  get count(): number {
    return [...this.tally.values()].reduce((sum, count) => sum + count, 0);
  }

  async perform(call: Call, signal: AbortSignal): Promise<Answer> {
    const around = { on: this.#on, call, random: this.#random, signal };
    const drawn = this.#draw(call);
    const happen = async (when: Fault['when'], answer?: Answer): Promise<void> => {
      await Promise.all(drawn.filter((fault) => fault.when === when).map(async (fault) => await fault.happen(around, answer)));
    };
    await happen('first');
    await happen('before');
    const send = isSent(call) && this.#random.below(1) < 0.3 ? bySdk : untilAnswered;
    const [answer] = await Promise.all([send(call, signal), happen('during')]);
    if (answer.status === 200) await happen('after', answer);
    return answer;
  }

  #draw(call: Call): Fault[] {
    const fitting = Object.entries(FAULTS).filter(([, { fits }]) => fits?.(call, this.#on) ?? true);
    const names = Array.from({ length: this.#random.of([0, 1, 1, 2]) }, () => this.#random.of(fitting));
    for (const [name] of names) this.tally.set(name, (this.tally.get(name) ?? 0) + 1);
    return names.map(([, fault]) => fault);
  }
}

async function refused(call: Call, statuses: readonly number[]): Promise<void> {
  const answer = await post(call);
  if (answer === undefined || answer.status === 503 || statuses.includes(answer.status)) return;
  throw new Error(`${call.kind} of somebody else was answered with ${answer.status}: ${answer.text.slice(0, 300)}`);
}

async function later(random: Random, mostMs: number, work: () => void): Promise<void> {
  await sleep(random.below(mostMs));
  work();
}

const keyOf = (random: Random): string => `stranger-${Math.floor(random.below(2 ** 48))}`;
const phaseOf = ({ kind }: Call, random: Random): string => random.of(kind === 'optim-step' ? STEP_PHASES : PHASES);

async function putHead(call: Call, checkpointId: string): Promise<number | undefined> {
  const answer = await ask(call, 'head', { method: 'PUT', body: JSON.stringify({ checkpoint_id: checkpointId }) });
  return answer?.status;
}

async function headOf(call: Call): Promise<string | undefined> {
  const answer = await ask(call, 'checkpoints', {});
  if (answer?.status !== 200) return undefined;
  return (JSON.parse(answer.text) as { id: string; is_active: boolean }[]).find((one) => one.is_active)?.id;
}

async function ask({ url, apiKey, modelId }: Call, path: string, init: RequestInit): Promise<Answer | undefined> {
  try {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` };
    const response = await fetch(`${url}/v2/models/${modelId}/${path}`, { ...init, headers, signal: AbortSignal.timeout(30_000) });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}
