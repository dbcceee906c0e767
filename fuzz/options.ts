/** What `npm run fuzz` takes. */
import { parseArgs } from 'node:util';

export interface FuzzOptions {
  inputs: number;
  /** Undefined: no limit. */
  minutes?: number;
  seed: string;
  only?: string[];
  replay?: string[];
  keepNew: boolean;
}

export const USAGE = `Usage: npm run fuzz -- [options]

  --inputs N       inputs in total, shared out among the targets (default: 1000000)
  --minutes M      stop each target after so many minutes (default: no limit)
  --seed S         any text; the same seed makes the same inputs (default: a fresh one, printed)
  --only TARGET    one target; repeatable
  --replay FILE    try this file alone; repeatable, needs --only
  --keep           keep an input of every outcome that the corpus does not show yet
`;

/** @throws Error saying what is wrong with the words */
export function readOptions(words: readonly string[], targets: readonly string[]): FuzzOptions | 'help' {
  const { values } = parseArgs({
    args: [...words],
    options: {
      inputs: { type: 'string', default: '1000000' },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true },
      replay: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const unknown = values.only?.find((name) => !targets.includes(name));
  if (unknown !== undefined) throw new Error(`There is no target '${unknown}'; targets: ${targets.join(', ')}.`);
  if (values.replay !== undefined && values.only?.length !== 1) throw new Error('--replay needs exactly one --only TARGET.');
  return {
    inputs: positive('--inputs', values.inputs, { isWhole: true }),
    seed: values.seed ?? String(Date.now() % 1_000_000_000),
    keepNew: values.keep,
    ...(values.minutes === undefined ? {} : { minutes: positive('--minutes', values.minutes, { isWhole: false }) }),
    ...(values.only === undefined ? {} : { only: values.only }),
    ...(values.replay === undefined ? {} : { replay: values.replay }),
  };
}

function positive(name: string, text: string, { isWhole }: { isWhole: boolean }): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0 && (!isWhole || Number.isInteger(number))) return number;
  throw new Error(`${name} takes a ${isWhole ? 'whole ' : ''}number above 0, not '${text}'.`);
}
