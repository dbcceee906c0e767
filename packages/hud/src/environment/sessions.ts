/** All sessions of one served environment: which are connected, which tasks wait parked, who may take them. */
import type { Host, Timer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { RPC } from '../protocol/messages.ts';
import { sameText } from './access.ts';
import type { TaskRunner } from './task-runner.ts';

export interface SessionState {
  id: string;
  /** Set once a peer of ours has said hello; resuming demands it then. */
  secret?: string;
  /** The peer wants its parked task to be graded by whoever asks. */
  adoptable?: boolean;
  runner?: TaskRunner;
}

interface Parked extends SessionState {
  runner: TaskRunner;
  expiry: Timer;
}

export interface ParkingOptions {
  /** Seconds after which a parked task is closed. @default 43_200 (12 h) */
  parkingSeconds?: number;
  /** More parked tasks than this close the oldest. @default 1_000 */
  maxParked?: number;
}

export class Sessions {
  readonly #host: Host;
  readonly #options: Required<ParkingOptions>;
  readonly #warn: (message: string) => void;
  readonly #live = new Map<string, SessionState>();
  readonly #parked = new Map<string, Parked>();
  /** Clean-ups of parked tasks that nobody came back for. */
  readonly #evicting = new Set<Promise<void>>();
  #isClosed = false;

  constructor(host: Host, options: ParkingOptions, warn: (message: string) => void) {
    this.#host = host;
    this.#options = { parkingSeconds: options.parkingSeconds ?? 43_200, maxParked: options.maxParked ?? 1_000 };
    this.#warn = warn;
  }

  open(): SessionState {
    const session: SessionState = { id: `sess-${this.#host.randomHex(8)}` };
    this.#live.set(session.id, session);
    return session;
  }

  /** The connection is gone: its task, if any, waits parked. */
  async leave(session: SessionState): Promise<void> {
    this.#live.delete(session.id);
    const { runner } = session;
    if (runner === undefined) return;
    if (this.#isClosed) return await runner.close();
    const expiry = this.#host.setTimer(
      this.#options.parkingSeconds * 1000,
      () => void this.#evict(session.id, 'nobody came back for it in time'),
      { unref: true },
    );
    this.#parked.set(session.id, { ...session, runner, expiry });
    const [oldest] = this.#parked.keys();
    if (this.#parked.size > this.#options.maxParked && oldest !== undefined) await this.#evict(oldest, 'too many tasks are parked');
  }

  /**
   * The connection of `current` becomes the parked session `id`; a task of its own stays behind, parked.
   * @throws HudError when `id` is live, unknown, or protected by a secret that was not shown
   */
  async resume(current: SessionState, id: string, secret: string | undefined): Promise<SessionState> {
    if (this.#live.has(id)) throw new HudError('PROTOCOL_ERROR', `session '${id}' has a live connection`, { rpcCode: RPC.invalidRequest });
    const parked = this.#parked.get(id);
    if (parked === undefined) throw new HudError('PROTOCOL_ERROR', `unknown session: '${id}'`, { rpcCode: RPC.invalidRequest });
    if (parked.secret !== undefined && (secret === undefined || !sameText(secret, parked.secret))) {
      throw new HudError('UNAUTHORIZED', `session '${id}' can be resumed only with its session secret`, { rpcCode: RPC.unauthorized });
    }
    const { expiry, ...session } = this.#unpark(parked);
    expiry.cancel();
    this.#live.set(id, session); // before anything is waited for: nobody else may find it neither parked nor live
    await this.leave(current);
    return session;
  }

  /**
   * The one parked task that may be graded by whoever asks.
   * @throws HudError when there is none, or more than one
   */
  adopt(): TaskRunner {
    const free = [...this.#parked.values()].filter((parked) => parked.secret === undefined || parked.adoptable === true);
    const [only, ...others] = free;
    if (only === undefined) throw new HudError('PROTOCOL_ERROR', 'no task in progress', { rpcCode: RPC.invalidRequest });
    if (others.length > 0) {
      const ids = free
        .map((parked) => parked.id)
        .toSorted()
        .join(', ');
      throw new HudError('PROTOCOL_ERROR', `${free.length} parked sessions (${ids}); resume one by sending hello with its session_id`, {
        rpcCode: RPC.invalidRequest,
      });
    }
    const { expiry, runner } = this.#unpark(only);
    expiry.cancel();
    return runner;
  }

  /** From now on leaving sessions close their tasks; closes every parked one. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const parked = [...this.#parked.values()];
    this.#parked.clear();
    for (const { expiry } of parked) expiry.cancel();
    await Promise.allSettled([...parked.map(({ runner }) => runner.close()), ...this.#evicting]);
  }

  #unpark(parked: Parked): Parked {
    this.#parked.delete(parked.id);
    return parked;
  }

  async #evict(id: string, why: string): Promise<void> {
    const parked = this.#parked.get(id);
    if (parked === undefined) return;
    this.#unpark(parked).expiry.cancel();
    this.#warn(`the parked task '${parked.runner.taskId}' of session ${id} was closed: ${why}`);
    const closing = parked.runner.close();
    this.#evicting.add(closing);
    await closing.finally(() => this.#evicting.delete(closing));
  }
}
