/** Words of the command line → what to run. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { PLANTS } from './plants.ts';

export const USAGE = `Usage: npm run sim -- [options]

Runs the scheduler, the session protocol, the store and the leases in simulated worlds: one for each seed,
with faults at moments that the seed chooses, and holds what happened against the invariants.

  --seeds N       how many (default 2000)
  --from N        the first one (default: taken from the clock, and printed)
  --minutes M     until this time is over, however many that is
  --workers N     processes that play them (default: one a processor)
  --plant NAME    breaks the product on purpose: one of
                  ${PLANTS.map(({ name }) => name).join(', ')}
  --seed N        this one only, with everything that happens in it
  --help
`;

export interface SimOptions {
  from: number;
  /** Infinity: as many as there is time for. */
  seeds: number;
  minutes: number;
  workers: number;
  plant: string | undefined;
  /** Only this one, with its log. */
  seed: number | undefined;
}

/** @throws TypeError for words that mean nothing here */
export function readOptions(words: readonly string[], now: number): SimOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: { seeds: text, from: text, minutes: text, workers: text, plant: text, seed: text, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return 'help';
  const minutes = numberOf('minutes', values.minutes);
  if (values.plant !== undefined && !PLANTS.some(({ name }) => name === values.plant))
    throw new TypeError(`there is no plant '${values.plant}'`);
  return {
    from: wholeOf('from', values.from) ?? now,
    seeds: wholeOf('seeds', values.seeds) ?? (minutes === undefined ? 2_000 : Infinity),
    minutes: minutes ?? Infinity,
    workers: Math.max(1, wholeOf('workers', values.workers) ?? availableParallelism()),
    plant: values.plant,
    seed: wholeOf('seed', values.seed),
  };
}

function numberOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && number >= 0 && Number.isFinite(number)) return number;
  throw new TypeError(`--${name} must be a number, got '${value}'`);
}

function wholeOf(name: string, value: string | undefined): number | undefined {
  const number = numberOf(name, value);
  if (number === undefined || Number.isSafeInteger(number)) return number;
  throw new TypeError(`--${name} must be a whole number, got '${value}'`);
}
