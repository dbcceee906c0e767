/** Targets with faults that are known to be there: what the fuzzer must find. */
import { FrameReader } from '../packages/hud/src/protocol/frames.ts';
import { frames } from './targets/frames.ts';
import { Failure, type Target } from './target.ts';

/** A reader that ends lines at U+2028 too, as Node's readline does, against the product's. */
export const splitsTooMuch: Target = {
  ...frames,
  name: 'splits-too-much',
  check: (input) => {
    const text = Buffer.from(input).toString();
    const wrong = text.split(/[\n\u2028]/).filter(isObject).length;
    const reader = new FrameReader();
    let right = 0;
    for (const line of text.split('\n')) {
      reader.push(Buffer.from(`${line}\n`));
      if (isObject(line) && reader.next() !== undefined) right += 1;
      else reader.rest();
    }
    if (wrong !== right) throw new Failure('another number of frames', `${wrong} and ${right}`);
    return 'the same';
  },
};

/** Never comes back from an input that holds a colon. */
export const neverEnds: Target = {
  ...frames,
  name: 'never-ends',
  check: (input) => {
    for (;;) if (!input.includes(0x3a)) return 'ended';
  },
};

/** Takes the process with it at the first input that holds a brace. */
export const dies: Target = {
  ...frames,
  name: 'dies',
  check: (input) => (input.includes(0x7b) ? process.exit(7) : 'lived'),
};

/** Leaves a rejection that nobody awaits. */
export const forgets: Target = {
  ...frames,
  name: 'forgets',
  check: async (input) => {
    if (input.length > 20) void Promise.reject(new Error('forgotten'));
    return 'done';
  },
};

export const growing: Target = {
  ...frames,
  name: 'growing',
  check: () => {
    kept.push(Buffer.alloc(16_384, 1));
    return 'done';
  },
};
const kept: Buffer[] = [];

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
