/** Bare `bash -lc true`, each to its end, as nobody in an empty home: node login-shells.ts <folder> */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bareSandbox } from '../bare-sandbox.ts';
import { answer, quantile } from '../worker.ts';

const folder = process.argv[2] ?? '';
const { identity } = bareSandbox(folder);

await answer(async ({ n }) => {
  const tookMs: number[] = [];
  for (let i = 0; i < Number(n); i += 1) {
    const startedAt = performance.now();
    const child = spawn('/bin/bash', ['-lc', 'true'], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', HOME: folder },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...identity,
    });
    child.stdin.end();
    child.stdout.resume();
    child.stderr.resume();
    const [code] = (await once(child, 'close')) as [number | null];
    tookMs.push(performance.now() - startedAt);
    if (code !== 0) throw new Error(`bash ended with ${code}.`);
  }
  return { p50: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99) };
});
