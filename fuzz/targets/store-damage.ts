/** What happens to the files of a record before it is opened, as a list that a person can read and shorten. */
import type { Random } from '../random.ts';
import type { Files } from './store-files.ts';
import { sealLog } from './write-ahead-log.ts';

export type Step =
  /** Starts from the files as a writer at work has them; otherwise from those of a closed record. */
  | { do: 'while-open' }
  /** Opens for reading; otherwise for writing. */
  | { do: 'read-only' }
  | { do: 'flip'; file: string; at: number; bit: number }
  | { do: 'set'; file: string; at: number; hex: string }
  | { do: 'fill'; file: string; at: number; length: number; byte: number }
  | { do: 'copy'; file: string; from: number; to: number; length: number }
  | { do: 'cut'; file: string; at: number }
  | { do: 'grow'; file: string; length: number; byte: number }
  | { do: 'remove'; file: string }
  /** Makes the log's checksums right again. */
  | { do: 'seal' };

const PAGE = 8_192;
const HEX = [
  '00',
  'ff',
  '7f',
  '80',
  '0000',
  'ffff',
  '00000000',
  'ffffffff',
  '7fffffff',
  '00000001',
  '0d',
  '05',
  '0a',
  '02',
  '81ff',
  '22',
  '7b',
];

/** @returns what is left of the files; places beyond a file's end wrap around */
export function damage(base: Files, steps: readonly Step[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([...base].map(([name, bytes]) => [name, Uint8Array.from(bytes)]));
  for (const step of steps) {
    if (step.do === 'while-open' || step.do === 'read-only') continue;
    const name = step.do === 'seal' ? 'hud.db-wal' : step.file;
    const bytes = files.get(name);
    if (bytes === undefined) continue;
    const changed = step.do === 'seal' ? sealLog(bytes) : apply(step, bytes);
    if (changed === undefined) files.delete(name);
    else files.set(name, changed);
  }
  return files;
}

function apply(step: Exclude<Step, { do: 'while-open' | 'read-only' | 'seal' }>, bytes: Uint8Array): Uint8Array | undefined {
  const place = (at: number): number => at % Math.max(1, bytes.length);
  switch (step.do) {
    case 'remove':
      return undefined;
    case 'cut':
      return bytes.subarray(0, place(step.at));
    case 'grow':
      return Buffer.concat([bytes, Buffer.alloc(step.length, step.byte)]);
    case 'flip':
      return withBytes(bytes, place(step.at), [(bytes[place(step.at)] ?? 0) ^ (1 << step.bit)]);
    case 'set':
      return withBytes(bytes, place(step.at), Buffer.from(step.hex, 'hex'));
    case 'fill':
      return withBytes(bytes, place(step.at), Buffer.alloc(step.length, step.byte));
    default:
      return withBytes(bytes, place(step.to), bytes.slice(place(step.from), place(step.from) + step.length));
  }
}

/** What would reach beyond the end is left out. */
function withBytes(bytes: Uint8Array, at: number, by: ArrayLike<number>): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let i = 0; i < by.length && at + i < copy.length; i++) copy[at + i] = by[i] ?? 0;
  return copy;
}

/** Mostly one step or two; headers and page beginnings more often than their share. */
export function randomSteps(random: Random, bases: { closed: Files; open: Files }): Step[] {
  const isOpen = random.chance(0.5);
  const files = isOpen ? bases.open : bases.closed;
  const steps: Step[] = isOpen ? [{ do: 'while-open' }] : [];
  if (random.chance(0.4)) steps.push({ do: 'read-only' });
  for (let times = random.small(3); times > 0; times--) steps.push(randomStep(random, files));
  if (isOpen && random.chance(0.4)) steps.push({ do: 'seal' });
  return steps;
}

export function randomStep(random: Random, files: Files): Step {
  const names = [...files.keys()].filter((name) => name !== '.gitignore');
  const file = random.chance(0.6) ? 'hud.db' : random.pick(names);
  const size = files.get(file)?.length ?? 0;
  const at = placeIn(random, size);
  const length = random.chance(0.3) ? PAGE : random.small(PAGE);
  const byte = random.pick([0, 0xff, 0x20, 0x7b]);
  switch (random.below(14)) {
    case 0:
      return { do: 'remove', file };
    case 1:
    case 2:
      return { do: 'cut', file, at: random.chance(0.4) ? PAGE * random.below(Math.ceil(size / PAGE) + 1) : at };
    case 3:
      return { do: 'grow', file, length, byte };
    case 4:
    case 5:
      return { do: 'fill', file, at, length, byte };
    case 6:
    case 7:
      return random.chance(0.6)
        ? { do: 'copy', file, from: at - (at % PAGE), to: PAGE * random.below(Math.ceil(size / PAGE) + 1), length: PAGE }
        : { do: 'copy', file, from: at, to: placeIn(random, size), length: random.small(200) };
    case 8:
    case 9:
    case 10:
      return { do: 'set', file, at, hex: random.pick(HEX) };
    default:
      return { do: 'flip', file, at, bit: random.below(8) };
  }
}

function placeIn(random: Random, size: number): number {
  const kind = random.below(10);
  if (kind < 2) return random.below(100); // the file's header
  if (kind < 5) return PAGE * random.below(Math.ceil(size / PAGE) + 1) + random.below(16); // a page's header
  if (kind < 6) return 32 + (24 + PAGE) * random.below(Math.ceil(size / PAGE) + 1) + random.below(40); // a frame's, in a log
  return random.below(Math.max(1, size));
}
