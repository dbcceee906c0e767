/** A folder for stores and inputs of one bench, gone when it ends. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** A new, empty folder. */
  folder(name: string): Promise<string>;
}

/** @param parent made when it is not there */
export async function makeScratch(parent: string): Promise<Scratch> {
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, 'bench-'));
  const removeNow = (): void => rmSync(path, { recursive: true, force: true });
  process.on('exit', removeNow);
  return {
    path,
    folder: async (name) => await mkdtemp(join(path, `${name}-`)),
    [Symbol.asyncDispose]: async () => {
      process.off('exit', removeNow);
      await rm(path, { recursive: true, force: true });
    },
  };
}
