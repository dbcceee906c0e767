/**
 * Sandboxes, each of its own and fresh: node sandboxes.ts ours|bare <folder>
 *
 * `ours` is a workspace from its making to the end of its first command over SSH; `bare` is bubblewrap running `true`.
 * A request names how many there shall be (`n`) and how many at once (`atOnce`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openSsh } from '../../packages/hud/src/capabilities/ssh.ts';
import { Workspace } from '../../packages/hud/src/environment/workspace/workspace.ts';
import type { Capability } from '../../packages/hud/src/protocol/capability.ts';
import { bareSandbox } from '../bare-sandbox.ts';
import { answer, quantile } from '../worker.ts';

const [how = 'ours', folder = ''] = process.argv.slice(2);
const one = how === 'ours' ? workspace : bare;

await answer(async ({ n, atOnce = 1 }) => {
  const tookMs: number[] = [];
  let left = Number(n);
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: Number(atOnce) }, async () => {
      while (left > 0) {
        left -= 1;
        tookMs.push(await one());
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return { p50: quantile(tookMs, 0.5), worst: Math.max(...tookMs), rate: tookMs.length / seconds };
});

/** @returns milliseconds, its end not counted */
async function workspace(): Promise<number> {
  const root = mkdtempSync(join(folder, 'root-'));
  const startedAt = performance.now();
  await using made = new Workspace(root);
  await made.start();
  const client = await openSsh(made.capability as Capability);
  const { exitCode, stderr } = await client.exec('true');
  const tookMs = performance.now() - startedAt;
  if (exitCode !== 0) throw new Error(`The first command failed: ${stderr}`);
  await client.close();
  await made.stop();
  await rm(root, { recursive: true });
  return tookMs;
}

async function bare(): Promise<number> {
  const root = mkdtempSync(join(folder, 'root-'));
  chmodSync(root, 0o777);
  const startedAt = performance.now();
  const { command, args, identity } = bareSandbox(root);
  const child = spawn(command, [...args, '/bin/true'], { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...identity });
  const [code] = (await once(child, 'close')) as [number | null];
  const tookMs = performance.now() - startedAt;
  if (code !== 0) throw new Error(`bwrap ended with ${code}: ${String(child.stderr.read())}`);
  await rm(root, { recursive: true });
  return tookMs;
}
