/** `npm run sim`: as many simulated worlds as asked for; the first seeds that break an invariant are told, with how to see them again. */
import { runCampaign, type CampaignResult } from './campaign.ts';
import { USAGE, readOptions, type SimOptions } from './options.ts';
import { PLANTS } from './plants.ts';
import { play, type Played } from './play.ts';

const PROGRESS_MS = 5_000;
/** Of many failures only so many are told. */
const MOST_TOLD = 20;

process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  let options: SimOptions | 'help';
  try {
    options = readOptions(words, Date.now());
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  return options.seed === undefined ? await campaign(options) : await showOne(options.seed, options.plant);
}

async function campaign(options: SimOptions): Promise<number> {
  const { from, seeds, plant } = options;
  say(
    `seeds from ${from}${Number.isFinite(seeds) ? ` to ${from + seeds - 1}` : ''}${plant === undefined ? '' : `, with the plant ${plant}`}`,
  );
  const result = await runCampaign(options, {
    everyMs: PROGRESS_MS,
    onProgress: ({ played, failures, seconds }) =>
      say(`${played} seeds, ${(played / seconds).toFixed(0)}/s, ${failedSeeds(failures)} failed`),
  });
  for (const failed of result.failures.slice(0, MOST_TOLD)) tell(failed, plant);
  sumUp(result);
  return result.failures.length === 0 ? 0 : 1;
}

function failedSeeds(failures: readonly Played[]): string {
  return failures.length === 0
    ? 'none'
    : failures
        .slice(0, MOST_TOLD)
        .map(({ seed }) => seed)
        .join(', ');
}

async function showOne(seed: number, plantName: string | undefined): Promise<number> {
  const plant = PLANTS.find(({ name }) => name === plantName);
  const played = await play(seed, { onLog: (line) => process.stdout.write(`${line}\n`), ...(plant === undefined ? {} : { plant }) });
  tell(played, plantName);
  return played.violation === undefined ? 0 : 1;
}

function tell({ seed, violation, fingerprint }: Played, plant: string | undefined): void {
  const replay = `npm run sim -- --seed ${seed}${plant === undefined ? '' : ` --plant ${plant}`}`;
  const what = violation === undefined ? 'holds' : `breaks '${violation.invariant}': ${violation.message}`;
  print(`seed ${seed} ${what}\n  fingerprint ${fingerprint}\n  replay with ${replay}`);
}

function sumUp({ played, failures, seconds, faults, attempts, events, lastedMs }: CampaignResult): void {
  const injected = Object.entries(faults).toSorted(([a], [b]) => a.localeCompare(b));
  const total = injected.reduce((sum, [, count]) => sum + count, 0);
  print(`${played} seeds in ${seconds.toFixed(1)} s (${(played / seconds).toFixed(1)}/s), ${failures.length} failed`);
  print(`${attempts} attempts, ${events} events, ${(lastedMs / 3_600_000).toFixed(1)} hours of virtual time, ${total} faults:`);
  for (const [kind, count] of injected) print(`  ${String(count).padStart(8)}  ${kind}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
