/** One world with what belongs to it: the machine's devices, the scenario, the books. */
import type { Host } from '../packages/hud/src/host/host.ts';
import type { Runtime } from '../packages/hud/src/runtime/provider.ts';
import { Disk } from './disk.ts';
import { simHost } from './host.ts';
import { Ledger } from './ledger.ts';
import { Network } from './network.ts';
import type { Plant } from './plants.ts';
import type { SimProcess } from './process.ts';
import { scenarioOf, type Scenario } from './scenario.ts';
import { World } from './world.ts';

export interface StageOptions {
  seed: number;
  directory: string;
  plant: Plant | undefined;
  onLog?: (line: string) => void;
}

export class Stage {
  readonly scenario: Scenario;
  readonly world: World;
  readonly network: Network;
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly plant: Plant | undefined;
  /** Where the environment is that is served to all, in worlds that have one. */
  served: Runtime | undefined;
  readonly #hosts = new Map<SimProcess, Host>();

  constructor({ seed, directory, plant, onLog }: StageOptions) {
    this.scenario = scenarioOf(seed);
    this.world = new World({ seed, directory, flaws: this.scenario.flaws, ...(onLog === undefined ? {} : { onLog }) });
    this.network = new Network(this.world);
    this.disk = new Disk(this.world, { mayLosePower: this.scenario.faults.some(({ fault }) => fault === 'power cut') });
    this.ledger = new Ledger(this.world);
    this.plant = plant;
  }

  hostOf(process: SimProcess): Host {
    let host = this.#hosts.get(process);
    if (host === undefined) {
      host = simHost(process, this);
      host = this.plant?.host?.(host, process) ?? host;
      this.#hosts.set(process, host);
    }
    return host;
  }
}
