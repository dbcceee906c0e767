/** Takes a packed body apart while it comes: each list goes straight into the memory where it stays. */
import { decode, numberList, PackedHead } from 'hud/protocol';
import { Fault } from '../../fault.ts';
import { parseText, type Taken, type TakingLimits } from './taken.ts';

/** @throws Fault 400 for what is no such body or was cut off, 413 for more than the limits */
export async function readPacked(parts: AsyncIterable<Uint8Array>, limits: TakingLimits): Promise<Taken> {
  await using source = new Source(parts, limits.take);
  const length = await source.readInto(new Uint8Array(4));
  const size = new DataView(length.buffer).getUint32(0, true);
  if (size > limits.mostText) throw new Fault(413, `The head of the packed body has ${size} bytes; at most ${limits.mostText} are read.`);
  const head = decode(PackedHead, parseText(await source.readInto(new Uint8Array(size))), { what: 'The head of the packed body' });
  const { mark, body, lists: described } = head;
  if (described.length > limits.mostLists) throw new Fault(413, `The packed body has more than ${limits.mostLists} lists.`);
  const needed = described.reduce((sum, [type, count]) => sum + count * (type === 'int32' ? 4 : 8), 0);
  if (needed > limits.mostNumbers)
    throw new Fault(413, `The lists of the packed body take ${needed} bytes; at most ${limits.mostNumbers} do.`);
  const lists = [];
  for (const [type, count] of described) {
    const list = numberList(type, count);
    await source.readInto(new Uint8Array(list.buffer));
    lists.push(list);
  }
  if (await source.hasMore()) throw new Fault(400, 'The packed body goes on after its last list.');
  return { value: body, mark, lists };
}

class Source implements AsyncDisposable {
  readonly #parts: AsyncIterator<Uint8Array>;
  readonly #take: (bytes: number) => void;
  #part: Uint8Array = new Uint8Array(0);

  constructor(parts: AsyncIterable<Uint8Array>, take: (bytes: number) => void) {
    this.#parts = parts[Symbol.asyncIterator]();
    this.#take = take;
  }

  /** @returns what it was given, full */
  async readInto<T extends Uint8Array>(target: T): Promise<T> {
    for (let filled = 0; filled < target.length;) {
      if (!(await this.hasMore())) throw new Fault(400, 'The packed body ends before its last list does.');
      const part = this.#part.subarray(0, target.length - filled);
      this.#take(part.length);
      target.set(part, filled);
      this.#part = this.#part.subarray(part.length);
      filled += part.length;
    }
    return target;
  }

  async hasMore(): Promise<boolean> {
    while (this.#part.length === 0) {
      const next = await this.#parts.next();
      if (next.done === true) return false;
      this.#part = next.value;
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.return?.();
  }
}
