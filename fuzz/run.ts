/**
 * `npm run fuzz`: gives the product inputs that nobody would write, and says which of them it did not bear.
 * Each target runs in a process of its own; what fails is made small and kept in `corpus/`.
 */
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { runCampaign, type CampaignResult } from './campaign.ts';
import { removeScratch } from './scratch.ts';
import { USAGE, readOptions, type FuzzOptions } from './options.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets/index.ts';

const PROGRESS_MS = 5_000;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    removeScratch();
    process.exit(code); // the workers see that and end
  });
}
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let options: FuzzOptions | 'help';
  try {
    options = readOptions(
      words,
      TARGETS.map(({ target }) => target.name),
    );
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const results = await fuzz(options);
  return results.some(({ failures }) => failures.some(({ known }) => known === undefined)) ? 1 : 0;
}

async function fuzz(options: FuzzOptions): Promise<CampaignResult[]> {
  const { only, seed, replay } = options;
  const chosen = TARGETS.filter(({ target }) => only?.includes(target.name) ?? true);
  const total = chosen.reduce((sum, { target }) => sum + target.weight, 0);
  if (replay === undefined) say(`seed ${seed}`);
  const started = performance.now();
  const queue = [...chosen];
  const results: CampaignResult[] = [];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = await campaign(next, Math.ceil((options.inputs * next.target.weight) / total), options);
      results.push(result);
      tell(result, seed);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
  const tried = results.reduce((sum, result) => sum + result.tried, 0);
  const failures = results.flatMap((result) => result.failures);
  const known = failures.filter((failure) => failure.known !== undefined).length;
  const seconds = (performance.now() - started) / 1000;
  if (replay === undefined)
    print(`${tried} inputs in ${seconds.toFixed(0)} s, ${failures.length - known} different failures, ${known} known ones, seed ${seed}`);
  return results;
}

async function campaign(
  { target, module }: { target: Target; module: string },
  inputs: number,
  options: FuzzOptions,
): Promise<CampaignResult> {
  const { name, extension, known } = target;
  let toldMs = performance.now();
  return await runCampaign({
    name,
    module,
    exportName: name,
    extension,
    seed: options.seed,
    inputs,
    keepNew: options.keepNew,
    ...(known === undefined ? {} : { known }),
    ...(options.minutes === undefined ? {} : { maxMs: options.minutes * 60_000 }),
    ...(options.replay === undefined ? {} : { replay: options.replay.map((path) => resolve(path)) }),
    onProgress: ({ tried, rssBytes }) => {
      if (performance.now() - toldMs < PROGRESS_MS) return;
      toldMs = performance.now();
      say(`${name.padEnd(7)} ${tried} of ${inputs}  ${mib(rssBytes)} MiB`);
    },
  });
}

function tell({ name, tried, corpus, classes, seconds, rssGrowthBytes, failures, absent, outcomes }: CampaignResult, seed: string): void {
  for (const { name: file, outcome } of outcomes) print(`${relative(process.cwd(), file)}: ${outcome}`);
  if (outcomes.length === 0) {
    const rate = Math.round(tried / seconds);
    print(
      `${name.padEnd(7)} ${tried} inputs (${corpus} kept ones), ${seconds.toFixed(1)} s, ${rate}/s, ${classes} outcomes, +${mib(rssGrowthBytes)} MiB`,
    );
  }
  if (outcomes.length === 0)
    for (const signature of absent) print(`  no longer seen: ${signature}. If that lasts, take it off the list of known failures.`);
  for (const { signature, details, path, times, input, originalBytes, known } of failures) {
    if (known !== undefined) {
      print(`  known: ${signature} (${times} times). ${known}`);
      continue;
    }
    print(`\nFAILED ${name}: ${signature} (${times} times)`);
    print(details.replace(/^/gm, '  '));
    if (path === undefined) continue;
    print(`  ${input.length} bytes, out of ${originalBytes}. To do it again:`);
    print(`  npm run fuzz -- --only ${name} --replay ${relative(process.cwd(), path)}    (seed ${seed})\n`);
  }
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
