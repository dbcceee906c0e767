/** The provider of simulated drivers: a leased child process for each rollout, as on a real machine. */
import { HudError } from '../packages/hud/src/protocol/errors.ts';
import { withDeadline, withSignal } from '../packages/hud/src/host/host.ts';
import type { PlaceState, ProviderContext, ProviderObject, RuntimeLease } from '../packages/hud/src/runtime/provider.ts';
import { Runtime } from '../packages/hud/src/runtime/provider.ts';
import { WarmPool } from '../packages/hud/src/runtime/pool.ts';
import type { Leases } from '../packages/hud/src/store/index.ts';
import { SimChild } from './child.ts';
import { systemCall } from './host.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

/** What one child takes of the simulated machine. */
export const PLACE_COST = { descriptors: 8, processes: 12, memory: 64 * 1024 * 1024, computes: true };
const READY_MS = 5_000;
const SOON_MS = 500;

type ChildLease = RuntimeLease & { assign: (traceId: string) => void };

export function simProvider(stage: Stage, process: SimProcess, served: Runtime | undefined): ProviderObject {
  if (served !== undefined) return served;
  const pools = new Map<Leases, WarmPool<ChildLease>>();
  const host = stage.hostOf(process);
  const acquire = async (_task: unknown, context: ProviderContext): Promise<ChildLease> => {
    const leases = context.leases as Leases;
    const pool = pools.get(leases);
    const lease = await (pool?.take(context.signal, context.upcoming ?? Infinity) ?? place(stage, process, leases, context.signal));
    if (context.traceId !== undefined) lease.assign(context.traceId);
    return lease;
  };
  const open = async ({ leases }: { leases?: Leases } = {}): Promise<AsyncDisposable> => {
    if (!stage.scenario.hasPool || leases === undefined) return { [Symbol.asyncDispose]: async () => {} };
    const pool = new WarmPool({ host, max: 4, boot: async (signal) => await place(stage, process, leases, signal) });
    pools.set(leases, pool);
    return pool;
  };
  return { name: 'simulated', cost: PLACE_COST, acquire, open };
}

/** Lease first, then folder and child; both are gone when this rejects. */
async function place(stage: Stage, process: SimProcess, leases: Leases, signal: AbortSignal): Promise<ChildLease> {
  signal.throwIfAborted();
  const { world } = stage;
  const lease = await leases.hold({ kind: 'process', target: (id) => ({ tag: id, folder: `hud-${id}` }) });
  let child: SimChild | undefined;
  const dispose = async (): Promise<void> => {
    await child?.end();
    await lease.release();
  };
  try {
    await systemCall(process, 0.3, 'makes a folder', () => void world.folders.add(`hud-${lease.id}`));
    const secret = stage.hostOf(process).randomHex(32);
    const started = (child = new SimChild(stage, process, { tag: lease.id, secret }));
    const port = await portOf(stage, process, started, signal);
    const runtime = new Runtime(`tcp://127.0.0.1:${port}`, {
      secret,
      dispose,
      exited: started.exited,
      diagnose: async () => await exitSoon(stage, process, started),
      ...(stage.scenario.hasProbe ? { probe: () => stateOf(started.process) } : {}),
    });
    return Object.assign(runtime, { assign: lease.assign });
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function portOf(stage: Stage, process: SimProcess, child: SimChild, signal: AbortSignal): Promise<number> {
  const early = child.exited.then((how) => {
    throw new HudError('RUNTIME_EXITED', `The environment's process ended before it served: ${how}`);
  });
  early.catch(() => {});
  const late = (): HudError => new HudError('RUNTIME_UNREACHABLE', 'The environment did not announce a port.');
  return await withSignal(withDeadline(stage.hostOf(process), Promise.race([child.port, early]), READY_MS, late), signal);
}

async function exitSoon(stage: Stage, process: SimProcess, child: SimChild): Promise<string | undefined> {
  const alive = (): Error => new Error('it lives');
  return await withDeadline(stage.hostOf(process), child.exited, SOON_MS, alive).catch(() => undefined); // lost for another reason
}

function stateOf(process: SimProcess): PlaceState {
  if (!process.isAlive) return 'gone';
  return process.isPaused ? 'stopped' : 'running';
}
