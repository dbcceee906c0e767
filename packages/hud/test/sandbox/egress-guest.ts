/** Runs inside the sandbox: makes the attempt whose name comes as a line, and writes its outcome as one. */
import { createInterface } from 'node:readline';
import { ATTEMPTS } from './egress-attempts.ts';
import { USES } from './egress-uses.ts';

const list = [...ATTEMPTS, ...USES];
process.stdout.write('"up"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const name = JSON.parse(line) as string;
  const outcome =
    (await list
      .find((attempt) => attempt.name === name)
      ?.run()
      .catch(String)) ?? 'unknown';
  process.stdout.write(`${JSON.stringify(outcome.slice(0, 2_000))}\n`);
}
