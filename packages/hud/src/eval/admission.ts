/**
 * Who may start: as many places at once as the machine has room for, in turn between the batches that ask.
 * One for all batches of a process, because they share its descriptors and its machine.
 */
import { type Host, type Timer, withSignal } from '../host/host.ts';
import { type Machine, type MachineState, thisMachine } from '../host/machine.ts';
import { nodeHost } from '../host/node.ts';
import type { PlaceCost } from '../runtime/provider.ts';

export type LimitName = 'descriptors' | 'processes' | 'memory' | 'load';

/** What holds back the next place, with how much is taken and how much there is; `load` in percent. */
export interface Held {
  limit: LimitName;
  used: number;
  of: number;
}

/** Kept free for the store, model connections and the user's own code. */
const SPARE_DESCRIPTORS = 48;
const SPARE_PROCESSES = 64;
const SPARE_MEMORY = 256 * 1024 * 1024;
const BUSY = 0.9;
/** How long a look at the machine counts, in milliseconds. */
const LOOK_MS = 200;

export class Admission {
  readonly #machine: Machine;
  readonly #host: Host;
  readonly #shares = new Set<Share>();
  /** What places in force take, by what was stated. */
  readonly #booked = { descriptors: 0, processes: 0, memory: 0, computing: 0 };
  /** Admitted since the last look, which does not show them yet. */
  #fresh = { processes: 0, memory: 0, computing: 0 };
  #inFlight = 0;
  #base = 0;
  #seen: { at: number; state: MachineState } | undefined;
  #timer: Timer | undefined;

  constructor(host: Host, machine: Machine) {
    this.#host = host;
    this.#machine = machine;
  }

  /** @param onHeld told when places of this share begin to wait, for another limit than before, or no longer */
  open(cost: PlaceCost, onHeld: (held: Held | undefined) => void = () => {}): Share {
    const share = new Share(cost, onHeld, () => this.#pump());
    this.#shares.add(share);
    share.onClose = () => void this.#shares.delete(share);
    share.admit = () => this.#tryAdmit(share);
    share.othersWait = () => this.#timer !== undefined;
    return share;
  }

  /** Whoever has the fewest places in force comes next. */
  #pump(): void {
    if (this.#timer === undefined && ![...this.#shares].some((share) => share.isWaiting)) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (;;) {
      const waiting = [...this.#shares].filter((share) => share.isWaiting).toSorted((a, b) => a.inFlight - b.inFlight);
      const admitted = waiting.find((share) => share.admitNext());
      if (admitted !== undefined) continue;
      // Load and memory change without anybody telling.
      if (waiting.length > 0) this.#timer = this.#host.setTimer(LOOK_MS, () => this.#pump());
      return;
    }
  }

  #tryAdmit(share: Share): (() => void) | Held {
    const held = this.#limitFor(share.cost);
    if (held !== undefined) return held;
    this.#book(share.cost, 1);
    this.#fresh.processes += share.cost.processes ?? 0;
    this.#fresh.memory += share.cost.memory ?? 0;
    this.#fresh.computing += share.cost.computes ? 1 : 0;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#book(share.cost, -1);
    };
  }

  #book(cost: PlaceCost, sign: 1 | -1): void {
    this.#inFlight += sign;
    this.#booked.descriptors += sign * (cost.descriptors ?? 0);
    this.#booked.processes += sign * (cost.processes ?? 0);
    this.#booked.memory += sign * (cost.memory ?? 0);
    this.#booked.computing += cost.computes ? sign : 0;
  }

  /** A single place is always let in: what it lacks it says better itself. */
  #limitFor(cost: PlaceCost): Held | undefined {
    const { descriptors, processes, memory, busy } = this.#look();
    if (this.#inFlight === 0) return undefined;
    const files = Math.max(this.#base + this.#booked.descriptors, descriptors.used);
    if (cost.descriptors !== undefined && files + cost.descriptors + SPARE_DESCRIPTORS > descriptors.limit)
      return { limit: 'descriptors', used: files, of: descriptors.limit };
    const running = processes.used + this.#fresh.processes;
    if (cost.processes !== undefined && running + cost.processes + SPARE_PROCESSES > processes.limit)
      return { limit: 'processes', used: running, of: processes.limit };
    const bytes = memory.used + this.#fresh.memory;
    if (cost.memory !== undefined && bytes + cost.memory + SPARE_MEMORY > memory.limit)
      return { limit: 'memory', used: bytes, of: memory.limit };
    return cost.computes ? this.#loadLimit(busy) : undefined;
  }

  /** A few always run, to keep the processors busy; more of them while a look at the machine shows idle ones. */
  #loadLimit(busy: number): Held | undefined {
    const { processors } = this.#machine;
    if (this.#booked.computing < 2 * processors + 2) return undefined;
    if (busy < BUSY && this.#fresh.computing < processors) return undefined;
    return { limit: 'load', used: Math.round(busy * 100), of: 100 };
  }

  #look(): MachineState {
    const now = this.#host.monotonic();
    if (this.#seen === undefined || now - this.#seen.at >= LOOK_MS) {
      this.#seen = { at: now, state: this.#machine.look() };
      this.#fresh = { processes: 0, memory: 0, computing: 0 };
      if (this.#inFlight === 0) this.#base = this.#seen.state.descriptors.used;
    }
    return this.#seen.state;
  }
}

/** One batch's part in an {@link Admission}. */
export class Share implements Disposable {
  readonly cost: PlaceCost;
  /** Places in force. */
  inFlight = 0;
  admit: () => (() => void) | Held = () => () => {};
  onClose: () => void = () => {};
  othersWait: () => boolean = () => false;
  readonly #onHeld: (held: Held | undefined) => void;
  readonly #onFree: () => void;
  readonly #waiting: ((release: () => void) => void)[] = [];
  #held: LimitName | undefined;

  constructor(cost: PlaceCost, onHeld: (held: Held | undefined) => void, onFree: () => void) {
    this.cost = cost;
    this.#onHeld = onHeld;
    this.#onFree = onFree;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** {@link enter} where there is room and nobody waits; undefined elsewhere. */
  enterNow(): (() => void) | undefined {
    if (Object.keys(this.cost).length === 0) return () => {}; // takes nothing, so nothing can hold it back
    return this.isWaiting || this.othersWait() ? undefined : this.#admitted();
  }

  /**
   * Waits for room for one more place.
   * @returns how to say that it is gone; may be called twice
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const free = this.enterNow();
    if (free !== undefined) return free;
    const { promise, resolve } = Promise.withResolvers<() => void>();
    this.#waiting.push(resolve);
    this.#onFree();
    try {
      return await withSignal(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
      else void promise.then((release) => release());
      throw error;
    }
  }

  /** @returns false when there is no room */
  admitNext(): boolean {
    const release = this.#admitted();
    if (release !== undefined) this.#waiting.shift()?.(release);
    return release !== undefined;
  }

  #admitted(): (() => void) | undefined {
    const booked = this.admit();
    this.#tell(typeof booked === 'function' ? undefined : booked);
    if (typeof booked !== 'function') return undefined;
    this.inFlight += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.inFlight -= 1;
      booked();
      this.#onFree();
    };
  }

  [Symbol.dispose](): void {
    this.onClose();
  }

  #tell(held: Held | undefined): void {
    if (held?.limit === this.#held) return;
    // A place that leaves lets the next one in at once: still held back, as long as others wait.
    if (held === undefined && this.#waiting.length > 1) return;
    this.#held = held?.limit;
    this.#onHeld(held);
  }
}

let shared: Admission | undefined;

/** The one that all batches of this process go through. */
export function machineAdmission(): Admission {
  shared ??= new Admission(nodeHost, thisMachine());
  return shared;
}
