/** Tracks the files of a folder: node files.ts <root>. `what` of a request: `baseline`, `diff` after `edits` changes, or `idle`. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFileTracking } from '../../packages/hud/src/capabilities/file-tracking.ts';
import { startFileTracking, type FileTracking } from '../../packages/hud/src/environment/file-tracking/server.ts';
import { editedPath } from '../tree.ts';
import { answer, quantile, type Figures } from '../worker.ts';

const root = process.argv[2] ?? '';
const MIB = 1024 * 1024;
const IDLE_MS = 5_000;
const ONE_CHANGE_TIMES = 15;
let edits = 0;
let tracked: { server: FileTracking; files: Awaited<ReturnType<typeof openFileTracking>> } | undefined;

await answer(async (request) => {
  if (request.what === 'baseline') return await baseline();
  tracked ??= await start();
  if (request.what === 'idle') return await idle();
  const times = request.edits === 1 ? ONE_CHANGE_TIMES : 1;
  const durations: number[] = [];
  for (let i = 0; i < times; i += 1) durations.push(await diff(Number(request.edits)));
  return { ms: quantile(durations, 0.5) };
});

async function start(): Promise<NonNullable<typeof tracked>> {
  const server = await startFileTracking({ root, onWarning: (message) => process.stderr.write(`${message}\n`) });
  const files = await openFileTracking({ name: 'files', protocol: 'filetracking/1', url: server.url, params: {} });
  return { server, files };
}

async function baseline(): Promise<Figures> {
  const before = process.memoryUsage.rss();
  const startedAt = performance.now();
  const server = await startFileTracking({ root, onWarning: (message) => process.stderr.write(`${message}\n`) });
  const ms = performance.now() - startedAt;
  const mib = (process.memoryUsage.rss() - before) / MIB;
  await server.close();
  return { ms, mib };
}

async function diff(count: number): Promise<number> {
  for (let i = 0; i < count; i += 1) appendFileSync(join(root, editedPath(edits + i)), `edit ${edits + i}\n`);
  edits += count;
  const startedAt = performance.now();
  const { files_changed: changed } = await (tracked ?? (await start())).files.diff();
  const ms = performance.now() - startedAt;
  if (changed !== count) throw new Error(`${String(changed)} changes were told, not ${count}.`);
  return ms;
}

async function idle(): Promise<Figures> {
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const { user, system } = process.cpuUsage(before);
  return { percent: (user + system) / 10 / IDLE_MS };
}
