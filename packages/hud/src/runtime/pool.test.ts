import { expect, test } from 'vitest';
import { HudError } from '../protocol/errors.ts';
import { nodeHost } from '../host/node.ts';
import { WarmPool } from './pool.ts';
import { Runtime, type RuntimeLease } from './provider.ts';

const signal = new AbortController().signal;
const turn = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 40));

/** Places that count themselves; `die` ends one that waits. */
function places(bootMs = 1): { boot: (signal: AbortSignal) => Promise<RuntimeLease>; booted: Place[]; live: () => number } {
  const booted: Place[] = [];
  const boot = async (until: AbortSignal): Promise<RuntimeLease> => {
    const place: Place = { isLive: true, die: () => {} };
    const port = booted.push(place);
    await new Promise((resolve) => setTimeout(resolve, bootMs));
    const exited = Promise.withResolvers<string>();
    place.die = () => {
      place.isLive = false;
      exited.resolve('killed');
    };
    if (until.aborted) {
      place.isLive = false;
      throw new HudError('CANCELLED', 'closing');
    }
    return new Runtime(`tcp://127.0.0.1:${port}`, {
      exited: exited.promise,
      dispose: async () => void (place.isLive = false),
    });
  };
  return { boot, booted, live: () => booted.filter((place) => place.isLive).length };
}

interface Place {
  isLive: boolean;
  die: () => void;
}

test('each place is handed out once, and the next one is started before it is asked for', async () => {
  const { boot, booted } = places();
  await using pool = new WarmPool({ host: nodeHost, max: 4, boot });
  const first = await pool.take(signal, 10);
  await turn();
  expect(booted).toHaveLength(2);
  const second = await pool.take(signal, 9);
  expect(new Set([first.port, second.port]).size).toBe(2);
});

test('no more are started than will be asked for, and none outlives the pool', async () => {
  const { boot, booted, live } = places();
  const pool = new WarmPool({ host: nodeHost, max: 4, boot });
  const taken = await pool.take(signal, 0);
  await turn();
  expect(booted).toHaveLength(1);
  const other = await pool.take(signal, 1);
  await turn();
  expect(booted).toHaveLength(3);
  await pool[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  expect(live()).toBe(2);
  await taken[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  expect(live()).toBe(0);
});

test('the more often places are asked for while one boots, the more wait ahead, up to the limit', async () => {
  const { boot, booted } = places(40);
  await using pool = new WarmPool({ host: nodeHost, max: 4, boot });
  for (let i = 0; i < 6; i++) await pool.take(signal, 100);
  expect(booted.length).toBeGreaterThan(7);
  expect(booted.length).toBeLessThanOrEqual(6 + 4);
});

test('one that died while it waited is replaced, not handed out', async () => {
  const { boot, booted } = places();
  await using pool = new WarmPool({ host: nodeHost, max: 1, boot });
  await pool.take(signal, 5);
  await turn();
  booted[1]?.die();
  await turn();
  const next = await pool.take(signal, 5);
  expect(next.port).not.toBe(2);
});

test('who stops waiting leaves nothing behind, and a boot that fails is told to whoever asked', async () => {
  const { boot, live } = places(30);
  const stop = new AbortController();
  {
    await using pool = new WarmPool({ host: nodeHost, max: 0, boot });
    const waiting = pool.take(stop.signal, 0);
    stop.abort(new HudError('CANCELLED', 'enough'));
    await expect(waiting).rejects.toThrow('enough');
  }
  await expect.poll(live).toBe(0);
  await using broken = new WarmPool({
    host: nodeHost,
    max: 2,
    boot: async () => await Promise.reject(new HudError('RUNTIME_EXITED', 'no')),
  });
  for (let i = 0; i < 3; i++) await expect(broken.take(signal, 5)).rejects.toMatchObject({ code: 'RUNTIME_EXITED' });
});
