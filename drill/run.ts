/**
 * `npm run drill`: kills, stops, starves and misleads the real product while it runs real rollouts, and then
 * counts what was lost. Linux only. Ends with 0 when nothing was.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnmet } from './barrage.ts';
import { findProcesses } from './census.ts';
import { runDrill } from './drill.ts';
import { FaultPage, compileFaults } from './fault-page.ts';
import { Ground } from './ground.ts';
import { USAGE, readOptions, type DrillOptions } from './options.ts';
import { planFaults, randomOf, type FaultKind } from './plan.ts';
import { report } from './report.ts';
import type { DrillResult } from './result.ts';

const IN_NAMESPACE = 'DRILL_IN_NAMESPACE';
const PROGRESS_MS = 5_000;
/** Need the preloaded library. */
const PRELOADED: readonly FaultKind[] = ['torn write', 'EIO write', 'EIO sync', 'clock jump'];
const STARVED: readonly FaultKind[] = ['EMFILE driver', 'EMFILE server'];

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let options: DrillOptions | 'help';
  try {
    options = readOptions(words);
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (process.platform !== 'linux') {
    process.stderr.write('The drill looks for what is left in /proc, so it runs on Linux only.\n');
    return 2;
  }
  if (process.env[IN_NAMESPACE] === undefined && canUnshare()) return await inNamespace(words);
  return await drill(options, process.env[IN_NAMESPACE] !== undefined);
}

/** A mount namespace of our own: the disk that is filled can't outlive the drill, however that ends. */
function canUnshare(): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['--mount', '--propagation', 'private', 'true'], { timeout: 5_000 }).status === 0;
}

async function inNamespace(words: readonly string[]): Promise<number> {
  const args = ['--mount', '--propagation', 'private', process.execPath, join(import.meta.dirname, 'run.ts'), ...words];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [IN_NAMESPACE]: '1' } });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function drill(options: DrillOptions, hasNamespace: boolean): Promise<number> {
  const ground = new Ground(options.rollouts, hasNamespace);
  const tag = `${process.pid}-${Date.now()}`;
  const page = new FaultPage(ground.folder);
  let isClean = false;
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
  try {
    const { library, impossible } = prepare(ground, options);
    if (impossible.length > 0) return 1;
    const faults = planFaults(options.faults, randomOf(options.seed), options.without);
    say(`seed ${options.seed}: ${options.rollouts} rollouts, ${faults.length} faults, in ${ground.folder}`);
    const running = runDrill({
      ground,
      tag,
      library,
      control: page.path,
      page,
      options,
      faults,
      onProgress: progress(),
      onFinding: ({ rule, detail }) => say(`${rule}: ${detail}`),
    });
    const stopped = once(interrupted.signal, 'abort').then(() => undefined);
    const result = await Promise.race([running, stopped]);
    if (result === undefined) return 130;
    tell(result, options);
    isClean = result.findings.length === 0;
    if (!isClean) say(`Store, books and logs are in ${ground.folder}; the same faults again: npm run drill -- --seed ${options.seed}`);
    return isClean && result.faults.filter((fault) => !isUnmet(fault)).length >= faults.length ? 0 : 1;
  } finally {
    endAll(tag);
    page.close();
    ground.close(options.keep || (!isClean && !interrupted.signal.aborted));
    if (interrupted.signal.aborted) process.exit(130); // what waits for the processes that were just ended waits in vain
  }
}

/** What can't be done here has to be left out by name: a drill must not look complete when it is not. */
function prepare(ground: Ground, options: DrillOptions): { library: string | undefined; impossible: FaultKind[] } {
  const compiled = compileFaults(ground.folder);
  const library = 'library' in compiled ? compiled.library : undefined;
  const hasPrlimit = spawnSync('prlimit', ['--version'], { timeout: 5_000 }).status === 0;
  const needsLibrary = ground.hasDisk ? PRELOADED : [...PRELOADED, 'disk full' as const];
  const impossible = [...(library === undefined ? needsLibrary : []), ...(hasPrlimit ? [] : STARVED)].filter(
    (kind) => !options.without.includes(kind),
  );
  if ('problem' in compiled) say(`The library of faults can't be made (${compiled.problem}).`);
  if (!hasPrlimit) say('There is no prlimit(1), which limits descriptors.');
  if (impossible.length > 0)
    say(`NOT POSSIBLE HERE: ${impossible.join(', ')}. Leave them out: ${impossible.map((kind) => `--without '${kind}'`).join(' ')}`);
  if (!ground.hasDisk && library !== undefined) say('No disk of its own (that takes root): a full disk is played by writes that fail.');
  return { library, impossible };
}

/** Whatever still carries the tag. */
function endAll(tag: string): void {
  for (const { pid } of findProcesses(tag)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
}

function progress(): (line: string) => void {
  let toldAt = 0;
  return (line) => {
    const now = performance.now();
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns ?? 120) - 1)}`);
    } else if (now - toldAt >= PROGRESS_MS) {
      toldAt = now;
      say(line);
    }
  };
}

function tell(result: DrillResult, { seed }: DrillOptions): void {
  process.stdout.write(report(result));
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${seed.replaceAll(/[^\w.-]/g, '_')}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

function say(sentence: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}${sentence}\n`);
}
