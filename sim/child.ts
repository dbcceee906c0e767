/** A simulated child process that serves an environment, as its owner sees it. */
import { bind, type BoundServer } from '../packages/hud/src/environment/serve.ts';
import { withDeadline } from '../packages/hud/src/host/host.ts';
import { simEnvironment } from './environment.ts';
import { systemCall } from './host.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

const TERM_MS = 10_000;
const BOOTS = { serves: 8, exits: 1, hangs: 1 };

export class SimChild {
  readonly process: SimProcess;
  /** Settles when its owner learns of it. */
  readonly exited: Promise<string>;
  readonly port: Promise<number>;
  readonly #stage: Stage;
  readonly #owner: SimProcess;
  #server: BoundServer | undefined;

  constructor(stage: Stage, owner: SimProcess, options: { tag: string; secret: string }) {
    const { world, scenario } = stage;
    this.#stage = stage;
    this.#owner = owner;
    this.process = world.spawn(`child of ${owner.pid}`);
    Object.assign(this.process, options);
    this.process.isStuck = this.process.random.chance(scenario.stuck);
    this.exited = this.#tellOfExit();
    this.#holdLifeline();
    const port = Promise.withResolvers<number>();
    this.port = port.promise;
    const boot = this.process.random.chance(scenario.mischief * 0.5) ? this.process.random.weighted(BOOTS) : 'serves';
    world.schedule(this.process.random.between(1, 80), this.process, `boots and ${boot}`, () => {
      if (boot === 'exits') this.process.kill('exits by itself');
      if (boot === 'serves') void this.#serve(port.resolve);
    });
  }

  /** TERM, and KILL after a grace. */
  async end(): Promise<void> {
    const { process } = this;
    if (!process.isAlive) return;
    const { world } = this.#stage;
    if (!process.isPaused) {
      world.schedule(0.1, process, 'gets TERM', () => void this.#shutDown());
      const late = (): Error => new Error('still running');
      await withDeadline(this.#stage.hostOf(this.#owner), this.exited, TERM_MS, late).catch(() => {}); // killed next, either way
    }
    await systemCall(this.#owner, 0.1, 'sends KILL', () => process.kill('is killed by its owner'));
    await this.exited;
  }

  async #serve(announce: (port: number) => void): Promise<void> {
    const { process } = this;
    const { secret = '' } = process;
    const system = this.#stage.hostOf(process);
    this.#server = await bind(simEnvironment(this.#stage, process), { system, secret, requireSecret: true });
    const { port } = this.#server;
    this.#stage.world.schedule(0.2, this.#owner, `reads that ${process.pid} serves at ${port}`, () => announce(port));
    process.ports.add(port);
  }

  async #shutDown(): Promise<void> {
    if (this.process.isStuck) return;
    await this.#server?.close();
    this.process.kill('exits after TERM');
  }

  async #tellOfExit(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#owner.refs += 1;
    this.process.onEnd(() => {
      this.#stage.world.schedule(0.5, this.#owner, `learns that ${this.process.pid} has ended`, () => {
        this.#owner.refs -= 1;
        resolve('killed by SIGKILL.');
      });
    });
    return await promise;
  }

  /** It ends soon after its owner, unless it is stuck. */
  #holdLifeline(): void {
    const { process } = this;
    this.#owner.onEnd(() => {
      if (process.isStuck) return;
      const after = process.random.between(1, 2_000);
      this.#stage.world.schedule(after, process, 'sees its lifeline end', () => process.kill('ends with its owner'));
    });
  }
}
