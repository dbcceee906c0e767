import { expect, test } from 'vitest';
import { Queue } from './queue.ts';

test('work is done in order, one at a time, past what fails; who comes when 32 wait is refused', async () => {
  const queue = new Queue();
  const { promise: first, resolve: finish } = Promise.withResolvers<void>();
  const done: number[] = [];
  const waiting = Array.from({ length: 32 }, async (_none, n) =>
    queue.run(async () => {
      if (n === 0) await first;
      if (n === 3) throw new Error('fails');
      done.push(n);
    }),
  );
  await expect(queue.run(async () => {})).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('32 operations') as string,
  });
  finish();
  const results = await Promise.allSettled(waiting);
  expect(results.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([3]);
  expect(done).toEqual(Array.from({ length: 32 }, (_none, n) => n).filter((n) => n !== 3));
  await queue.idle();
  await expect(queue.run(() => Promise.resolve('again'))).resolves.toBe('again');
});
