/** What `npm run drill` takes. */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind } from './plan.ts';

export interface DrillOptions {
  rollouts: number;
  faults: number;
  seed: string;
  minutes: number;
  without: FaultKind[];
  /** Leave the folder with store, books and logs where it is, also after success. */
  keep: boolean;
}

export const USAGE = `Usage: npm run drill -- [options]

  --rollouts N     rollouts in total (default: 20000)
  --faults N       faults that strike meanwhile (default: 1000)
  --seed TEXT      which faults, in which order (default: a fresh one, printed)
  --minutes M      give up after so many minutes (default: 40)
  --quick          600 rollouts and 40 faults
  --without KIND   leave a kind of fault out; repeatable
  --keep           keep the folder with store, books and logs

Kinds: ${Object.keys(FAULT_KINDS).join(', ')}
`;

/** @throws Error saying what is wrong with the words */
export function readOptions(words: readonly string[]): DrillOptions | 'help' {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rollouts: { type: 'string' },
      faults: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      quick: { type: 'boolean', default: false },
      without: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const without = values.without.map((name) => {
    if (Object.hasOwn(FAULT_KINDS, name)) return name as FaultKind;
    throw new Error(`There is no kind of fault '${name}'; kinds: ${Object.keys(FAULT_KINDS).join(', ')}.`);
  });
  return {
    rollouts: whole('--rollouts', values.rollouts ?? (values.quick ? '600' : '20000'), 10),
    faults: whole('--faults', values.faults ?? (values.quick ? '40' : '1000'), 0),
    seed: values.seed ?? String(Date.now() % 1_000_000_000),
    minutes: whole('--minutes', values.minutes ?? (values.quick ? '4' : '40'), 1),
    without,
    keep: values.keep,
  };
}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`${name} takes a whole number of at least ${least}, not '${text}'.`);
}
