/** What a request says, in a few bytes: the same operation sent again is told from another one under its name. */
import { createHash } from 'node:crypto';
import { Breath } from './breath.ts';

/** Equal for equal requests; typed arrays by their bytes. */
export async function digestOf(body: unknown): Promise<string> {
  const hash = createHash('sha256');
  const lists: NodeJS.TypedArray[] = [];
  const text = JSON.stringify(body, (_name, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const list = value as NodeJS.TypedArray;
    lists.push(list);
    return { [list.constructor.name]: list.length };
  });
  const breath = new Breath();
  for (const list of lists) {
    hash.update(list);
    await breath.taken();
  }
  return hash.update(text).digest('hex');
}
