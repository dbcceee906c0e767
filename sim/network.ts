/** The loopback of the simulated machine: ports, connections, and what goes wrong with them. */
import type { DialOptions, Listener, Peer, Stream } from '../packages/hud/src/host/host.ts';
import { HudError } from '../packages/hud/src/protocol/errors.ts';
import { systemCall } from './host.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import { SimSocket, type Link } from './socket.ts';
import type { World } from './world.ts';

interface Port {
  process: SimProcess;
  onConnection: (stream: Stream, peer: Peer) => void;
}

const FIRST_PORT = 20_000;

export class Network {
  readonly #world: World;
  readonly #random: Random;
  readonly #ports = new Map<number, Port>();
  readonly #links = new Set<[SimSocket, SimSocket]>();
  #lastPort = FIRST_PORT;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.stream('network');
  }

  async listen(process: SimProcess, address: { host: string; port: number }, onConnection: Port['onConnection']): Promise<Listener> {
    await systemCall(process, 0.1, 'binds a port');
    const port = address.port === 0 ? ++this.#lastPort : address.port;
    if (this.#isTaken(port)) throw new HudError('PORT_IN_USE', `Port ${port} on ${address.host} is taken by another process.`);
    this.#ports.set(port, { process, onConnection });
    process.refs += 1;
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      process.refs -= 1;
      this.#ports.delete(port);
    };
    return { host: address.host, port, close, [Symbol.asyncDispose]: close };
  }

  async dial(process: SimProcess, options: DialOptions): Promise<Stream> {
    const { signal, timeoutMs, host, port } = options;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Stream>();
    process.refs += 1;
    const timeout = this.#world.schedule(timeoutMs, process, 'a dial times out', () =>
      reject(new Error(`no answer within ${timeoutMs} ms`)),
    );
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const attempt = this.#attempt(process, port, resolve, reject);
    try {
      return await promise;
    } catch (cause) {
      attempt.isCancelled = true;
      signal?.throwIfAborted();
      throw new HudError('RUNTIME_UNREACHABLE', `Nothing answered at ${host}:${port}: ${String(cause)}.`, { cause });
    } finally {
      process.refs -= 1;
      timeout.isCancelled = true;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Nobody is going to listen there again. */
  forget(port: number): void {
    this.#ports.delete(port);
  }

  /** Some open connection, for a fault. */
  someLink(random: Random): SimSocket | undefined {
    for (const pair of this.#links) if (pair.every((end) => end.destroyed || !end.process.isAlive)) this.#links.delete(pair);
    const pairs = [...this.#links];
    return pairs.length === 0 ? undefined : random.pick(pairs)[0];
  }

  #isTaken(port: number): boolean {
    return this.#ports.get(port)?.process.isAlive === true;
  }

  /** The system accepts, also for a process that is paused: it learns of it when it goes on. */
  #attempt(process: SimProcess, port: number, resolve: (stream: Stream) => void, reject: (error: Error) => void): { isCancelled: boolean } {
    const { flaws, isQuiet } = this.#world;
    const link = this.#newLink();
    const fate = isQuiet ? 'open' : this.#random.weighted({ open: 1, refused: flaws.refusals, silence: flaws.silences });
    if (fate !== 'open') this.#world.injected(fate === 'refused' ? 'dial refused' : 'dial unanswered');
    return this.#world.schedule(link.latency[0], process, `dials ${port}`, () => {
      if (fate === 'silence') return;
      const target = this.#ports.get(port);
      if (target === undefined || !target.process.isAlive || fate === 'refused') return reject(new Error('connection refused'));
      const [ours, theirs] = [new SimSocket(process, link), new SimSocket(target.process, link)];
      [ours.other, theirs.other] = [theirs, ours];
      this.#links.add([ours, theirs]);
      this.#world.schedule(0, target.process, `accepts on ${port}`, () => {
        if (this.#ports.get(port) === target) target.onConnection(theirs, { address: '127.0.0.1', isLoopback: true });
        else theirs.destroy();
      });
      resolve(ours);
    });
  }

  #newLink(): Link {
    const least = 0.05 + this.#random.unit();
    const { spread, splits } = this.#world.flaws;
    return { random: this.#random, latency: [least, least + this.#random.unit() * spread], splits, isBlackhole: false };
  }
}
