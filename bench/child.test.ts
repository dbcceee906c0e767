import { expect, test } from 'vitest';
import { startWorker } from './child.ts';
import { rssBytes } from './sides.ts';

const context = { isPinned: false };

test('a worker answers samples until it is let go, and is gone then', async () => {
  const worker = await startWorker('floor-server.ts', context);
  try {
    expect(worker.ready.url).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    expect(await worker.sample()).toEqual({});
    expect(rssBytes(worker.pid)).toBeGreaterThan(10 * 1024 * 1024);
    expect(worker.hasEnded()).toBe(false);
  } finally {
    await worker[Symbol.asyncDispose]();
  }
  expect(worker.hasEnded()).toBe(true);
  expect(() => process.kill(worker.pid, 0)).toThrow('ESRCH');
});

test("a sample that fails is an error in the worker's own words", async () => {
  await using worker = await startWorker('echo-client.ts', context, { args: ['tcp://127.0.0.1:1'] }).catch((error: Error) => ({
    message: error.message,
    [Symbol.asyncDispose]: async () => {},
  }));
  expect('message' in worker && worker.message).toMatch(/echo-client\.ts: it ended with code 1\..*ECONNREFUSED/s);
});

test('a worker starts under the limit of open files that it is given', async () => {
  await using worker = await startWorker('floor-server.ts', context, { openFiles: 256 });
  const limits = await import('node:fs/promises').then(({ readFile }) => readFile(`/proc/${worker.pid}/limits`, 'utf8'));
  expect(limits).toMatch(/^Max open files +256 +/m);
});
