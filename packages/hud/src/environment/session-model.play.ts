/** Plays a history of concurrent calls against a real server and says what is wrong with what happened. */
import { nodeHost } from '../host/node.ts';
import { withDeadline, type Host } from '../host/host.ts';
import type { JsonObject } from '../protocol/json.ts';
import { MAX_FRAME_BYTES } from '../protocol/messages.ts';
import { explain, type Call, type Outcome, type Request } from './session-model.ts';
import { RawLine, place, type Line } from './session-model.lines.ts';
import { Stage, type Script, type Waiting } from './session-model.stage.ts';
import { bind, type BoundServer } from './serve.ts';

/**
 * `silent` never says hello and `python` says no more than the Python package; neither has a session secret.
 * `client` is a peer of ours, made by the caller.
 */
export type Manner = 'silent' | 'python' | 'ours' | 'client';

export interface Actor {
  manner: Manner;
  /** Lets others grade its task when it is gone; only peers of ours can say so. */
  isAdoptable: boolean;
}

export type Asking = { do: 'grade' | 'cancel' } | { do: 'start'; script: Script };

export type Act =
  | { do: 'hello' | 'bye' | 'expire' }
  | Asking
  /** Asks without an id, which our client never does. */
  | { do: 'notify'; asking: Asking }
  | { do: 'start'; script: Script }
  | { do: 'resume'; pick: number; secret: 'right' | 'wrong' | 'none' }
  | { do: 'hang-up'; how: 'end' | 'drop' }
  | { do: 'let-through'; pick: number };

export interface Step {
  actor: number;
  act: Act;
  /** What passes before the next step: nothing, a turn of the event loop, or all that can happen by itself. */
  pause: 'nothing' | 'a-turn' | 'quiet';
}

export interface Plan {
  actors: Actor[];
  steps: Step[];
  maxParked: number;
  /** The server is stopped while tasks are held and calls wait. */
  stopsBusy: boolean;
}

export interface Setting {
  transport: 'memory' | 'sockets';
  /** A connection of a peer of ours that says `hello` with these parameters as it connects. */
  openClient(host: Host, port: number): Line;
  /** Told of every history's calls. */
  onPlayed?(calls: readonly Call[]): void;
}

const LIMIT_MS = 10_000;
const PARKING_SECONDS = 43_200;
/** Turns of the event loop after which nothing moves any more in memory. */
const QUIET_TURNS = 12;
const QUIET_SOCKET_MS = 6;

/** @returns what is wrong, in words; undefined when the history has an explanation */
export async function play(plan: Plan, setting: Setting): Promise<string | undefined> {
  const game = new Game(plan, setting);
  try {
    return await withDeadline(nodeHost, game.run(), LIMIT_MS, () => new Error(`The history did not end within ${LIMIT_MS} ms.`));
  } catch (error) {
    return `${String(error)}\n${game.story()}`;
  }
}

interface Seat {
  line: Line;
  connection: number;
}

class Game {
  readonly #plan: Plan;
  readonly #setting: Setting;
  readonly #place;
  readonly #stage: Stage;
  readonly #calls: Call[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #seats: (Seat | undefined)[] = [];
  readonly #lines: Line[] = [];
  readonly #known: { id: string; secret?: string }[] = [];
  readonly #faults: string[] = [];
  #isStopping = false;
  #port = 0;
  #clock = 0;

  constructor(plan: Plan, setting: Setting) {
    this.#plan = plan;
    this.#setting = setting;
    this.#place = place(setting.transport, PARKING_SECONDS * 1000);
    this.#stage = new Stage(() => ++this.#clock);
  }

  async run(): Promise<string | undefined> {
    const { maxParked, steps, stopsBusy } = this.#plan;
    const server = await bind(this.#stage.environment, { system: this.#place.host, maxParked, parkingSeconds: PARKING_SECONDS });
    this.#port = server.port;
    for (const step of steps) {
      this.#act(step);
      await this.#pass(step.pause);
    }
    await this.#pass('quiet');
    if (this.#setting.transport === 'memory') this.#checkNobodyWaitsInVain();
    if (!stopsBusy) await this.#calmDown();
    const stoppedAt = ++this.#clock;
    this.#isStopping = true;
    await this.#stop(server);
    this.#faults.push(...this.#stage.faults(stoppedAt));
    const calls = this.#calls;
    this.#setting.onPlayed?.(calls);
    if (explain({ calls, evidence: this.#stage.tasks, maxParked, stoppedAt }) === undefined)
      this.#faults.push('no order explains the calls');
    return this.#faults.length === 0 ? undefined : `${this.#faults.join('\n')}\n${this.story()}`;
  }

  /** The calls in the order in which they were made, with the moments between which they happened. */
  story(): string {
    const lines = this.#calls.map(({ id, connection, request, invokedAt, returnedAt, outcome }) => {
      const said =
        outcome.kind === 'ok' ? JSON.stringify(outcome.result) : outcome.kind === 'error' ? `${outcome.code} ${outcome.message}` : 'lost';
      return `${String(id).padStart(3)} c${connection} [${invokedAt}, ${returnedAt}] ${JSON.stringify(request)} → ${said}`;
    });
    const tasks = [...this.#stage.tasks].map(([task, count]) => `task ${task}: ${JSON.stringify(count)}`);
    return [...lines, ...tasks].join('\n');
  }

  async #calmDown(): Promise<void> {
    this.#stage.open();
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    await this.#pass('quiet');
  }

  async #stop(server: BoundServer): Promise<void> {
    const closing = server.close();
    await this.#pass('a-turn');
    this.#stage.open();
    await closing;
    for (const line of this.#lines) line.hangUp('drop');
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #pass(what: Step['pause']): Promise<void> {
    if (what === 'nothing') return;
    if (what === 'quiet' && this.#setting.transport === 'sockets')
      return void (await new Promise((resolve) => setTimeout(resolve, QUIET_SOCKET_MS)));
    for (let turn = what === 'a-turn' ? 1 : QUIET_TURNS; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
  }

  #act({ actor, act }: Step): void {
    switch (act.do) {
      case 'expire':
        return this.#expire();
      case 'let-through':
        return [...this.#stage.waiting][act.pick % Math.max(1, this.#stage.waiting.size)]?.letThrough();
      case 'hang-up':
        return this.#hangUp(actor, act.how);
      case 'resume':
        return this.#resume(actor, act);
      case 'hello':
        return void this.#seatOf(actor, true);
      case 'bye':
        return this.#bye(actor);
      case 'notify':
        return this.#ask(actor, act.asking, this.#plan.actors[actor]?.manner !== 'client');
      default:
        return this.#ask(actor, act, false);
    }
  }

  #ask(actor: number, act: Asking, isNotification: boolean): void {
    const seat = this.#seatOf(actor, false);
    // Our client sends one call at a time, but a cancel at once: past a call that waits it would change places with it.
    if (act.do === 'cancel' && this.#plan.actors[actor]?.manner === 'client' && this.#waiting(seat).length > 1) return;
    const id = this.#calls.length;
    if (act.do === 'start') this.#stage.add(id, act.script);
    const request: Request = act.do === 'start' ? { kind: 'start', fate: act.script.fate } : { kind: act.do };
    const params = { cancel: {}, grade: { answer: String(id) }, start: { id: `t${id}` } }[act.do];
    if (!isNotification) return this.#call(seat, request, `tasks.${act.do}`, params);
    this.#record(seat.connection, request).isNotification = true;
    seat.line.notify(`tasks.${act.do}`, params);
  }

  #bye(actor: number): void {
    if (this.#plan.actors[actor]?.manner === 'client') return this.#hangUp(actor, 'drop'); // it never says bye
    const seat = this.#seatOf(actor, false);
    this.#call(seat, { kind: 'bye' }, 'bye', {});
    this.#left(actor, seat, true);
  }

  #hangUp(actor: number, how: 'end' | 'drop'): void {
    const seat = this.#seats[actor];
    if (seat === undefined) return;
    const isGraceful = how === 'end' && this.#plan.actors[actor]?.manner !== 'client';
    this.#left(actor, seat, isGraceful);
    seat.line.hangUp(isGraceful ? 'end' : 'drop');
  }

  #left(actor: number, seat: Seat, isGraceful: boolean): void {
    if (this.#seats[actor] === seat) this.#seats[actor] = undefined;
    const call = this.#record(seat.connection, { kind: 'leave' });
    if (!isGraceful) return;
    // The server ends its side once the session has left; when it stops it drops the line at once.
    const onEnd = (): void => {
      if (!this.#isStopping) call.returnedAt = ++this.#clock;
    };
    this.#track(seat.line.ended.then(onEnd));
  }

  #expire(): void {
    const call = this.#record(-1, { kind: 'expire' });
    this.#place.expire();
    call.outcome = { kind: 'ok', result: {} };
    call.returnedAt = ++this.#clock;
  }

  #resume(actor: number, { pick, secret }: Act & { do: 'resume' }): void {
    const { id, secret: right } = this.#known[pick % Math.max(1, this.#known.length)] ?? { id: 'sess-nobody' };
    const shown = secret === 'right' ? right : secret === 'wrong' ? 'wrong' : undefined;
    if (this.#plan.actors[actor]?.manner === 'client') this.#hangUp(actor, 'drop'); // it resumes as it connects, or not at all
    const seat = this.#seats[actor] ?? this.#open(actor);
    this.#hello(actor, seat, { session: id, ...(shown === undefined ? {} : { secret: shown }) });
  }

  /** The actor's connection, opened (and greeted, as is the actor's manner) if it has none. */
  #seatOf(actor: number, isGreeting: boolean): Seat {
    const { manner } = this.#plan.actors[actor] as Actor;
    const open = this.#seats[actor];
    const seat = open ?? this.#open(actor);
    const isNew = open === undefined;
    if (manner === 'client' ? isNew : isGreeting || (isNew && manner !== 'silent')) this.#hello(actor, seat, {});
    return seat;
  }

  #open(actor: number): Seat {
    const onStray = (frame: JsonObject): void => void this.#faults.push(`a frame came unasked: ${JSON.stringify(frame)}`);
    const { host } = this.#place;
    const isClient = this.#plan.actors[actor]?.manner === 'client';
    const line = isClient ? this.#setting.openClient(host, this.#port) : new RawLine(host, this.#port, onStray);
    const seat = { line, connection: this.#lines.push(line) - 1 };
    this.#seats[actor] = seat;
    return seat;
  }

  #hello(actor: number, seat: Seat, resumed: { session?: string; secret?: string }): void {
    const { manner, isAdoptable } = this.#plan.actors[actor] as Actor;
    const isOurs = manner === 'ours' || manner === 'client';
    const adoptable = isOurs && isAdoptable ? { adoptable: true } : {};
    const params = {
      ...(resumed.session === undefined ? {} : { session_id: resumed.session }),
      ...(resumed.secret === undefined ? {} : { session_secret: resumed.secret }),
      ...(isOurs ? { max_frame: MAX_FRAME_BYTES, ...adoptable } : {}),
    };
    this.#call(seat, { kind: 'hello', isOurs, ...adoptable, ...resumed }, 'hello', params, (outcome) => {
      if (outcome.kind === 'ok') this.#learn(outcome.result);
      else if (manner === 'client' && this.#seats[actor] === seat) this.#left(actor, seat, false); // it has closed the line
    });
  }

  #learn({ session_id: id, session_secret: secret }: JsonObject): void {
    if (typeof id !== 'string') return;
    const at = this.#known.findIndex((known) => known.id === id);
    this.#known[at < 0 ? this.#known.length : at] = { ...this.#known[at], id, ...(typeof secret === 'string' ? { secret } : {}) };
  }

  #call(seat: Seat, request: Request, method: string, params: JsonObject, onOutcome?: (outcome: Outcome) => void): void {
    const call = this.#record(seat.connection, request);
    const sent = async (): Promise<void> => {
      call.outcome = await seat.line.send(method, params);
      if (call.outcome.kind !== 'lost') call.returnedAt = ++this.#clock;
      onOutcome?.(call.outcome);
    };
    this.#track(sent());
  }

  #record(connection: number, request: Request): Call {
    const id = this.#calls.length;
    const call: Call = {
      id,
      connection,
      request,
      invokedAt: ++this.#clock,
      returnedAt: Infinity,
      outcome: { kind: 'lost' },
      isNotification: false,
    };
    this.#calls.push(call);
    return call;
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work);
    void work.finally(() => this.#pending.delete(work));
  }

  /** The connection's calls that nothing came back from, oldest first. */
  #waiting({ connection }: Pick<Seat, 'connection'>): Call[] {
    return this.#calls.filter(
      (call) => call.connection === connection && call.returnedAt === Infinity && !call.isNotification && call.request.kind !== 'leave',
    );
  }

  /** All is quiet: whoever still waits does so for a task that is held, and not behind one that was told to stop. */
  #checkNobodyWaitsInVain(): void {
    const held = [...this.#stage.waiting];
    const heads = this.#lines
      .flatMap((_, connection) => (this.#hasLeft(connection) ? [] : [this.#waiting({ connection })]))
      .filter(({ length }) => length > 0);
    if (heads.length > held.length) this.#faults.push(`${heads.length} connections wait, but only ${held.length} tasks are held`);
    for (const [head] of heads) {
      const next = this.#calls.find(({ connection, id }) => connection === head?.connection && id > head.id);
      const isTold = next?.request.kind === 'cancel' || next?.request.kind === 'bye';
      if (isTold && held.some((waiting) => waiting.isAttentive && this.#holds(waiting, head as Call)))
        this.#faults.push(`call ${next.id} did not reach the task that call ${(head as Call).id} waits for`);
    }
  }

  #hasLeft(connection: number): boolean {
    return this.#calls.some((call) => call.connection === connection && call.request.kind === 'leave');
  }

  #holds({ task, hold }: Waiting, { id }: Call): boolean {
    return hold === 'starting' ? task === id : hold === 'grading' && this.#stage.tasks.get(task)?.answers.includes(id) === true;
  }
}
