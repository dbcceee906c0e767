/** The `Host` of a simulated process: everything the product sees of the world passes through here. */
import type { Host, Timer } from '../packages/hud/src/host/host.ts';
import type { JsonObject } from '../packages/hud/src/protocol/json.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';

export interface Devices {
  network: Network;
  disk: Disk;
}

/** 2026-01-01, in milliseconds since 1970: when every world begins. */
const EPOCH = 1_767_225_600_000;
const KILL_MS = 12;

export function simHost(process: SimProcess, { network, disk }: Devices): Host {
  const { world, random } = process;
  return {
    get owner() {
      return process.owner;
    },
    isOwnerAlive: (owner) => world.processes.some((other) => other.isAlive && other.owner === owner),
    destroy: async (kind, target) => {
      if (kind === 'process') await destroy(process, target);
    },
    now: () => EPOCH + world.now + process.clockOffset,
    monotonic: () => world.now - process.startedAt + 1_000,
    randomHex: (bytes) => random.hex(bytes),
    setTimer: (ms, fn, options) => setTimer(process, Math.max(1, ms), fn, options?.unref === true),
    defer: (fn) => void setTimer(process, 0, fn, false),
    openDatabase: (path, options) => disk.open(process, path, options),
    openForSync: async (path) => ({ sync: async () => await syncLog(process, disk, path), close: async () => {} }),
    listen: async (address, onConnection) => await network.listen(process, address, onConnection),
    dial: async (options) => await network.dial(process, options),
  };
}

function setTimer(process: SimProcess, ms: number, fn: () => void, isUnref: boolean): Timer {
  const weight = isUnref ? 0 : 1;
  let isOver = false;
  const over = (): boolean => {
    if (isOver) return false;
    isOver = true;
    process.refs -= weight;
    return true;
  };
  process.refs += weight;
  const event = process.world.schedule(ms, process, ms === 0 ? 'deferred' : `timer of ${Math.round(ms)} ms`, () => {
    if (over()) fn();
  });
  const cancel = (): void => {
    event.isCancelled = true;
    over();
  };
  return { cancel, [Symbol.dispose]: cancel };
}

/** Waits for what the system does on behalf of a process: that keeps it alive, and never settles once it has died. */
export async function systemCall(process: SimProcess, ms: number, what: string, act: () => void = () => {}): Promise<void> {
  process.refs += 1;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.world.schedule(ms, process, what, () => {
    process.refs -= 1;
    try {
      act();
      resolve();
    } catch (error) {
      reject(error);
    }
  });
  await promise;
}

/** What the log holds now is safe once the disk has answered; what is written meanwhile is not. */
async function syncLog(process: SimProcess, disk: Disk, path: string): Promise<void> {
  const keep = disk.beginSync(path.replace(/-wal$/, ''));
  await systemCall(process, process.random.between(1, 5), 'the disk has answered', () => {
    if (disk.faultOf(true) !== undefined) throw disk.syncFailure();
    keep();
  });
}

/** As `destroyTarget` of the real host: every process with the tag, then the folder. May fail, as the real one may. */
async function destroy(process: SimProcess, { tag, folder }: JsonObject): Promise<void> {
  const { world } = process;
  await systemCall(process, KILL_MS, `destroys ${String(tag)}`, () => {
    if (!world.isQuiet && world.flaws.destroyFails > 0 && process.random.chance(world.flaws.destroyFails)) {
      world.injected('destroy fails');
      throw new Error('processes survive SIGKILL');
    }
    for (const other of world.processes) if (other.tag === tag) other.kill('is killed by its tag');
    if (typeof folder === 'string') world.folders.delete(folder);
  });
}
