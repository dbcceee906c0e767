import { expect, test } from 'vitest';
import { nodeHost } from '../host/node.ts';
import type { Host } from '../host/host.ts';
import { LogSync } from './log-sync.ts';

/** A disk whose answers the test gives. */
function disk(): { host: Host; calls: PromiseWithResolvers<void>[]; opened: number; closed: number } {
  const state = { calls: [] as PromiseWithResolvers<void>[], opened: 0, closed: 0 };
  const host: Host = {
    ...nodeHost,
    owner: 'x',
    openForSync: async () => {
      state.opened += 1;
      return {
        sync: async () => {
          const call = Promise.withResolvers<void>();
          state.calls.push(call);
          await call.promise;
        },
        close: async () => void (state.closed += 1),
      };
    },
  };
  return Object.assign(state, { host });
}

/** Long enough for every step that waits for nothing. */
const turn = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('one wait for the disk covers everything before it, and what comes meanwhile waits for the next', async () => {
  const fake = disk();
  const log = new LogSync(fake.host, 'log', async () => {});
  const settled: string[] = [];
  const add = (name: string): void =>
    log.add(
      () => settled.push(name),
      () => settled.push(`${name} failed`),
    );
  add('a');
  add('b');
  await turn();
  add('c');
  expect(settled).toEqual([]);
  fake.calls[0]?.resolve();
  await turn();
  expect(settled).toEqual(['a', 'b']);
  fake.calls[1]?.resolve();
  await log.close();
  expect(settled).toEqual(['a', 'b', 'c']);
  expect([fake.calls.length, fake.opened, fake.closed]).toEqual([2, 1, 1]);
});

test('a disk that fails is told to all that waited, and the log is copied before it is asked again', async () => {
  const fake = disk();
  let copies = 0;
  const log = new LogSync(fake.host, 'log', async () => void (copies += 1));
  const told: unknown[] = [];
  log.add(
    () => told.push('fine'),
    (error) => told.push(error),
  );
  await turn();
  fake.calls[0]?.reject(new Error('EIO'));
  await turn();
  expect(told).toEqual([new Error('EIO')]);
  expect(copies).toBe(0);
  log.add(
    () => told.push('fine'),
    (error) => told.push(error),
  );
  await turn();
  expect(copies).toBe(1);
  fake.calls[1]?.resolve();
  await turn();
  log.add(
    () => told.push('fine'),
    () => {},
  );
  await turn();
  fake.calls[2]?.resolve();
  await log.close();
  expect(told.slice(1)).toEqual(['fine', 'fine']);
  expect(copies).toBe(1);
});
