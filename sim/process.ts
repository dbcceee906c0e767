/** A simulated process: it can be killed at any event, paused, and given a wrong clock. */
import type { SimDatabase } from './database.ts';
import type { SimEvent } from './event-heap.ts';
import type { SimSocket } from './socket.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export class SimProcess {
  readonly pid: number;
  readonly name: string;
  readonly world: World;
  readonly random: Random;
  readonly startedAt: number;
  isAlive = true;
  isPaused = false;
  /** Its own work is not done; a process that waits without anything that keeps it alive is a defect. */
  isBusy = false;
  /** Timers, sockets and calls that keep it alive. */
  refs = 0;
  /** How far its wall clock is off, in milliseconds. */
  clockOffset = 0;
  /** Events that wait until it goes on. */
  held: SimEvent[] = [];
  readonly sockets = new Set<SimSocket>();
  readonly ports = new Set<number>();
  readonly databases = new Set<SimDatabase>();
  /** `HUD_LEASE` in its environment. */
  tag: string | undefined;
  /** Set for children: what they serve with. */
  secret: string | undefined;
  /** Tasks of the environment that it serves, begun and not ended. */
  readonly tasks = new Set<string>();
  /** How often it was paused. */
  pauses = 0;
  /** Ignores TERM, and does not notice that its owner is gone. */
  isStuck = false;
  readonly #onEnd: (() => void)[] = [];

  constructor(world: World, pid: number, name: string) {
    this.world = world;
    this.pid = pid;
    this.name = name;
    this.startedAt = world.now;
    this.random = world.stream(`process ${pid}`);
  }

  get owner(): string {
    return `${this.pid}:${Math.round(this.startedAt)}@${this.world.name}`;
  }

  /** Calls back in the world, not in any process, when it has ended; at once when it has already. */
  onEnd(act: () => void): void {
    if (this.isAlive) this.#onEnd.push(act);
    else act();
  }

  /** Its timers never fire, its calls never settle, its connections break, its file handles are torn off. */
  kill(how: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.isBusy = false;
    this.held = [];
    this.world.log(this, how);
    for (const socket of this.sockets) socket.sever();
    for (const database of this.databases) database.tearOff();
    for (const act of this.#onEnd.splice(0)) act();
  }

  pause(): void {
    if (!this.isAlive || this.isPaused) return;
    this.isPaused = true;
    this.pauses += 1;
    this.world.log(this, 'stops');
  }

  resume(): void {
    if (!this.isAlive || !this.isPaused) return;
    this.isPaused = false;
    this.world.log(this, 'goes on');
    for (const event of this.held.splice(0)) {
      const { what, act, process } = event;
      const late = this.world.schedule(0, process, what, () => {
        if (!event.isCancelled) act(); // cancelled meanwhile by one before it
      });
      late.isCancelled = event.isCancelled;
    }
  }
}
