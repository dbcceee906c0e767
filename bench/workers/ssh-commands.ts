/**
 * Commands over SSH with our client, on one connection. The server is the `capability` of the first request; `what` is
 *
 * - `exec`: `n` commands, `atOnce` side by side
 * - `down`, `up`: so many `mib` out of a command, and into one
 */
import { once } from 'node:events';
import { openSsh, type SshClient } from '../../packages/hud/src/capabilities/ssh.ts';
import type { Capability } from '../../packages/hud/src/protocol/capability.ts';
import { answer, quantile, type Figures } from '../worker.ts';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024);
let opened: SshClient | undefined;

await answer(async ({ capability, what, n, atOnce, mib, command = 'true' }) => {
  const client = (opened ??= await openSsh(capability as Capability));
  if (what === 'down') return await download(client, Number(mib));
  if (what === 'up') return await upload(client, Number(mib));
  return await execAll(client, { command: String(command), n: Number(n), atOnce: Number(atOnce ?? 1) });
});
await opened?.close();

async function execAll(client: SshClient, { command, n, atOnce }: { command: string; n: number; atOnce: number }): Promise<Figures> {
  const tookMs: number[] = [];
  let left = n;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        const sentAt = performance.now();
        const { exitCode, stderr } = await client.exec(command);
        tookMs.push(performance.now() - sentAt);
        if (exitCode !== 0) throw new Error(`${command}: exit ${exitCode}, ${stderr}`);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return { p50: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99), rate: n / seconds };
}

async function download(client: SshClient, mib: number): Promise<Figures> {
  const startedAt = performance.now();
  const { stdin, stdout, stderr, exited } = await client.stream(`head -c ${mib}M /dev/zero`);
  stdin.end();
  stderr.resume();
  let bytes = 0;
  stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(stdout, 'end');
  const { code } = await exited;
  return rateOf({ code, bytes, mib, startedAt });
}

async function upload(client: SshClient, mib: number): Promise<Figures> {
  const startedAt = performance.now();
  const { stdin, stdout, stderr, exited } = await client.stream('wc -c >&2');
  let said = '';
  stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const isOver = once(stderr, 'end');
  stdout.resume();
  for (let left = mib * MIB; left > 0; left -= PIECE.length) {
    if (!stdin.write(left < PIECE.length ? PIECE.subarray(0, left) : PIECE)) await once(stdin, 'drain');
  }
  stdin.end();
  const { code } = await exited;
  await isOver;
  return rateOf({ code, bytes: Number(said), mib, startedAt });
}

function rateOf({ code, bytes, mib, startedAt }: { code: number; bytes: number; mib: number; startedAt: number }): Figures {
  const seconds = (performance.now() - startedAt) / 1_000;
  if (code !== 0 || bytes !== mib * MIB) throw new Error(`${bytes} of ${mib * MIB} bytes came, exit ${code}.`);
  return { rate: mib / seconds };
}
