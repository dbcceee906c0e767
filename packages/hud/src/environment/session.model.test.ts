import fc, { type Arbitrary } from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connect } from '../client/connect.ts';
import type { Client } from '../client/client.ts';
import type { Host } from '../host/host.ts';
import { isHudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { Environment } from './environment.ts';
import type { Line } from './session-model.lines.ts';
import type { Call, Outcome } from './session-model.ts';
import { play, type Act, type Actor, type Asking, type Plan, type Setting, type Step } from './session-model.play.ts';
import type { Script } from './session-model.stage.ts';
import { Sessions, type SessionState } from './sessions.ts';
import { TaskRunner } from './task-runner.ts';

/** `HUD_MODEL_RUNS=100000` plays that many histories, other ones each time. */
const RUNS = Number(process.env.HUD_MODEL_RUNS ?? 600);
/**
 * `HUD_MODEL_SEED=<seed>:<path>`, as a failure prints it, replays that test's history (choose the test with `-t`);
 * `<seed>` alone replays the whole run.
 */
const [SEED, ...PATH] = (process.env.HUD_MODEL_SEED ?? '').split(':');
/** Sockets are slow and their moments are not ours to choose, so they get a share only. */
const SOCKET_RUNS = Math.max(40, Math.ceil(RUNS / 100));

/** Our own client as a line: it says hello as it connects, and hangs up by closing. */
class ClientLine implements Line {
  readonly #address: { host: Host; port: number };
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #client: Promise<Client> | undefined;

  constructor(host: Host, port: number) {
    this.#address = { host, port };
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  async send(method: string, params: JsonObject): Promise<Outcome> {
    const isFirst = this.#client === undefined;
    try {
      this.#client ??= this.#connect(params);
      if (!isFirst) await this.#client.catch(() => this.#abort.abort()); // what was to follow a refused hello is never sent
      return { kind: 'ok', result: await request(await this.#client, method, params) };
    } catch (error) {
      if ((this.#abort.signal.aborted && !isFirst) || !isHudError(error) || error.rpcCode === undefined) return { kind: 'lost' };
      return { kind: 'error', code: error.rpcCode, message: error.message };
    }
  }

  notify(method: string): void {
    throw new Error(`Our client asks for a reply to every ${method}.`);
  }

  hangUp(): void {
    this.#abort.abort();
    this.#client?.then((client) => client.close()).catch(() => {}); // it never connected
    this.#ended.resolve();
  }

  async #connect({ session_id: id, session_secret: secret, adoptable }: JsonObject): Promise<Client> {
    const { host, port } = this.#address;
    const session = typeof id === 'string' ? { session: { id, ...(typeof secret === 'string' ? { secret } : {}) } } : {};
    const options = { host, signal: this.#abort.signal, heartbeatMs: 0, readyTimeout: 5, ...session };
    return await connect({ host: '127.0.0.1', port }, { ...options, ...(adoptable === true ? { adoptable } : {}) });
  }
}

async function request(client: Client, method: string, params: JsonObject): Promise<JsonObject> {
  switch (method) {
    case 'hello':
      return { session_id: client.sessionId, session_secret: client.sessionSecret };
    case 'tasks.start':
      return await client.start(String(params.id));
    case 'tasks.grade':
      return (await client.grade(params.answer)).raw;
    default:
      await client.cancel();
      return { cancelled: true };
  }
}

const inMemory: Setting = {
  transport: 'memory',
  openClient: (host, port) => new ClientLine(host, port),
};
const onSockets: Setting = { ...inMemory, transport: 'sockets' };

const script = fc.record({
  fate: fc.oneof(
    { weight: 12, arbitrary: fc.constant('fine' as const) },
    fc.constantFrom('fails-to-start', 'fails-to-grade', 'unknown-template'),
  ),
  hold: fc.oneof({ weight: 3, arbitrary: fc.constant('nowhere' as const) }, fc.constantFrom('starting', 'grading', 'closing')),
  isAttentive: fc.boolean(),
});
const weighted = (weight: number, arbitrary: Arbitrary<Act>): { weight: number; arbitrary: Arbitrary<Act> } => ({ weight, arbitrary });
const asking: Arbitrary<Asking> = fc.oneof(
  fc.record({ do: fc.constant('start' as const), script }),
  fc.constantFrom<Asking>({ do: 'grade' }, { do: 'cancel' }),
);
const act: Arbitrary<Act> = fc.oneof(
  weighted(1, fc.record({ do: fc.constant('notify' as const), asking })),
  weighted(6, fc.record({ do: fc.constant('start' as const), script })),
  weighted(7, fc.constant({ do: 'grade' })),
  weighted(3, fc.constant({ do: 'cancel' })),
  weighted(2, fc.constant({ do: 'hello' })),
  weighted(1, fc.constant({ do: 'bye' })),
  weighted(1, fc.constant({ do: 'expire' })),
  weighted(5, fc.record({ do: fc.constant('hang-up' as const), how: fc.constantFrom('end' as const, 'drop' as const) })),
  weighted(
    5,
    fc.record({
      do: fc.constant('resume' as const),
      pick: fc.nat(5),
      secret: fc.oneof({ weight: 2, arbitrary: fc.constant('right' as const) }, fc.constantFrom('wrong' as const, 'none' as const)),
    }),
  ),
  weighted(2, fc.record({ do: fc.constant('let-through' as const), pick: fc.nat(3) })),
);
const actor: Arbitrary<Actor> = fc.record({
  manner: fc.constantFrom('silent' as const, 'python' as const, 'ours' as const, 'client' as const),
  isAdoptable: fc.boolean(),
});
const step: Arbitrary<Step> = fc.record({
  actor: fc.nat(3),
  act,
  pause: fc.constantFrom('nothing' as const, 'a-turn' as const, 'quiet' as const),
});
/** A task that is left behind: alone these come about too rarely for several to wait at once. */
const parked: Arbitrary<Step[]> = fc.nat(3).map((who) => [
  { actor: who, act: { do: 'start', script: { fate: 'fine', hold: 'nowhere', isAttentive: true } }, pause: 'quiet' },
  { actor: who, act: { do: 'hang-up', how: 'end' }, pause: 'quiet' },
]);
const some = fc.oneof({ weight: 9, arbitrary: step.map((one) => [one]) }, { weight: 2, arbitrary: parked });
const plan: Arbitrary<Plan> = fc
  .record({
    actors: fc.array(actor, { minLength: 2, maxLength: 4 }),
    steps: fc.array(some, { minLength: 1, maxLength: 12, size: 'max' }).map((steps) => steps.flat().slice(0, 12)),
    maxParked: fc.constantFrom(1, 2, 1_000),
    stopsBusy: fc.boolean(),
  })
  .map((made) => ({
    ...made,
    steps: made.steps.map((one) => ({ ...one, actor: one.actor % made.actors.length })),
  }));

const replay = SEED === undefined || SEED === '' ? {} : { seed: Number(SEED), ...(PATH.length > 0 ? { path: PATH.join(':') } : {}) };

/** Plays until a history has no explanation, then looks for a smaller one unless `isBrief`. */
async function hunt(numRuns: number, setting: Setting, isBrief = false): Promise<fc.RunDetails<[Plan]>> {
  const property = fc.asyncProperty(plan, async (made) => {
    const fault = await play(made, setting);
    if (fault !== undefined) throw new Error(fault);
  });
  return await fc.check(property, { numRuns, ...(isBrief ? { endOnFailure: true } : replay) });
}

/** The story of the smallest history that was found without an explanation, and how to see it again. */
function report({ failed, seed, counterexamplePath, errorInstance, counterexample }: fc.RunDetails<[Plan]>): string {
  if (!failed) return '';
  const again = `HUD_MODEL_SEED=${seed}:${counterexamplePath} HUD_MODEL_RUNS=${RUNS}`;
  return `${String(errorInstance)}\n${JSON.stringify(counterexample?.[0])}\nTo replay: ${again}`;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('under random concurrent histories', () => {
  const timeout = 20_000 + RUNS * 20;

  test('sessions behave as if their calls came one after the other, and each task is graded and closed once', { timeout }, async () => {
    const found = await hunt(RUNS, inMemory);
    expect(found.failed, report(found)).toBe(false);
  });

  test('so they do over loopback sockets', { timeout }, async () => {
    const found = await hunt(SOCKET_RUNS, onSockets);
    expect(found.failed, report(found)).toBe(false);
  });

  test('everything that a session can answer does come up', { timeout }, async () => {
    const seen = new Set<string>();
    const onPlayed = (calls: readonly Call[]): void => {
      for (const call of calls) seen.add(kindOf(call, calls));
    };
    // The rarest come up once in some hundred histories: a sample that has none is followed by another.
    for (let round = 0; round < 5 && !EVERYTHING.every((kind) => seen.has(kind)); round += 1) {
      const found = await hunt(1_000, { ...inMemory, onPlayed }, true);
      expect(found.failed, report(found)).toBe(false);
    }
    expect([...seen].toSorted()).toEqual(expect.arrayContaining(EVERYTHING));
  });
});

const EVERYTHING = [
  'cancel ok',
  'bye ok',
  'grade ok for another connection',
  'grade ok for its own connection',
  'grade was cancelled',
  'grade failed: cannot grade',
  'grade no task in progress',
  'grade parked sessions',
  'hello ok',
  'hello ok, resumed',
  'hello live connection',
  'hello unknown session',
  'hello session secret',
  'start ok',
  'start was cancelled',
  'start failed: cannot start',
  'start unknown task',
];

function kindOf({ request: { kind, ...more }, outcome, connection }: Call, calls: readonly Call[]): string {
  if (outcome.kind === 'lost') return `${kind} lost`;
  if (outcome.kind === 'error')
    return EVERYTHING.find((name) => name.startsWith(kind) && outcome.message.includes(name.slice(kind.length + 1))) ?? '';
  if (kind === 'grade')
    return `grade ok for ${calls[Number(outcome.result.of)]?.connection === connection ? 'its own' : 'another'} connection`;
  return 'session' in more ? 'hello ok, resumed' : `${kind} ok`;
}

describe('once failed', () => {
  const silent: Actor = { manner: 'silent', isAdoptable: false };
  const python: Actor = { manner: 'python', isAdoptable: false };
  const held = (hold: Script['hold'], isAttentive = false): Asking => ({ do: 'start', script: { fate: 'fine', hold, isAttentive } });
  const leave: Step = { actor: 0, act: { do: 'hang-up', how: 'end' }, pause: 'quiet' };
  const resume: Step = { actor: 0, act: { do: 'resume', pick: 0, secret: 'right' }, pause: 'nothing' };

  test('a server that stops waits for the clean-up of a task whose parking time was over', async () => {
    const steps: Step[] = [{ actor: 0, act: held('closing'), pause: 'quiet' }, leave, { actor: 0, act: { do: 'expire' }, pause: 'quiet' }];
    const fault = await play({ actors: [silent], steps, maxParked: 9, stopsBusy: true }, inMemory);
    expect(fault ?? '').not.toContain('task 0 was closed 0 times');
  });

  test('a server that stops starts no task that was read ahead behind a notification', async () => {
    const first: Step = { actor: 0, act: { do: 'notify', asking: held('starting', true) }, pause: 'nothing' };
    const steps: Step[] = [first, { actor: 0, act: held('starting', true), pause: 'quiet' }];
    const fault = await play({ actors: [silent], steps, maxParked: 9, stopsBusy: true }, inMemory);
    expect(fault ?? '').not.toContain('was started after the server had begun to stop');
  });

  test('a session that one peer is resuming is live to another', async () => {
    const steps: Step[] = [{ actor: 0, act: held('nowhere'), pause: 'quiet' }, leave, resume, { ...resume, actor: 1 }];
    const actors = [python, silent];
    const fault = await play({ actors, steps, maxParked: 9, stopsBusy: false }, inMemory);
    expect(fault ?? '').not.toContain('no order explains the calls');
  });
});

describe('the model', () => {
  test.each<[string, () => void]>([
    [
      'anyone who adopts a task',
      () => wrap(Sessions.prototype, 'leave', async (leave, session) => await leave({ ...session, adoptable: true })),
    ],
    [
      'a resumer without the secret',
      () => wrap(Sessions.prototype, 'leave', async (leave, session) => await leave(withoutSecret(session))),
    ],
    ['a task that can be adopted again', adoptAgain],
    ['two live connections of one session', resumeLive],
    ['a parked task that nobody closes', () => wrap(Sessions.prototype, 'close', async () => {})],
    ['a clean-up that is not waited for', () => wrap(TaskRunner.prototype, 'close', async (close) => void close())],
    [
      'a task that is lost with its connection',
      () => wrap(Sessions.prototype, 'leave', async (leave, session) => await leave(await ended(session))),
    ],
    ['a task whose end is reported twice', reportTwice],
    [
      'a verdict that goes astray',
      () => wrap(TaskRunner.prototype, 'grade', async (grade, answer) => ({ ...(await grade(answer)), of: -1 })),
    ],
  ])('catches %s', { timeout: 60_000 }, async (_, mutate) => {
    mutate();
    const found = await hunt(4_000, inMemory, true);
    expect(found.failed).toBe(true);
  });

  test('has nothing against methods that are wrapped and do what they did', async () => {
    wrap(Sessions.prototype, 'leave', async (leave, session) => await leave(session));
    wrap(Sessions.prototype, 'resume', async (resume, ...given) => await resume(...given));
    wrap(Sessions.prototype, 'adopt', (adopt) => adopt());
    wrap(TaskRunner.prototype, 'close', async (close) => await close());
    const found = await hunt(300, inMemory, true);
    expect(found.failed, report(found)).toBe(false);
  });
});

type Methods<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (this: T, original: (...args: A) => R, ...args: A) => R : never;
};

/** Puts a fault around a method until the test is over. */
function wrap<T extends object, K extends keyof T & string>(prototype: T, name: K, fault: Methods<T>[K]): void {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  const around = fault as unknown as (this: T, original: (...args: unknown[]) => unknown, ...args: unknown[]) => unknown;
  const replacement = function (this: T, ...args: unknown[]): unknown {
    return around.call(this, (...given) => original.apply(this, given), ...args);
  };
  vi.spyOn(prototype as Record<string, () => unknown>, name).mockImplementation(replacement);
}

function withoutSecret(session: SessionState): SessionState {
  return { ...session, secret: undefined };
}

async function ended(session: SessionState): Promise<SessionState> {
  await session.runner?.close();
  return { id: session.id };
}

function adoptAgain(): void {
  const taken = new WeakMap<Sessions, TaskRunner>();
  wrap(Sessions.prototype, 'adopt', function (this: Sessions, adopt) {
    const runner = taken.get(this) ?? adopt();
    taken.set(this, runner);
    return runner;
  });
}

function resumeLive(): void {
  wrap(Sessions.prototype, 'resume', async (resume, current, id, secret) => {
    try {
      return await resume(current, id, secret);
    } catch (error) {
      if (!String(error).includes('live connection')) throw error;
      return { ...current, id };
    }
  });
}

function reportTwice(): void {
  wrap(Environment.prototype, 'taskEnded', async (taskEnded, task) => {
    await taskEnded(task);
    await taskEnded(task);
  });
}
