/** Inputs that are kept: `corpus/<target>/`, replayed first by every run. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Kept {
  /** Name of its file. */
  name: string;
  input: Uint8Array;
}

export const CORPUS = join(import.meta.dirname, 'corpus');

/** In the order of their names; none when the target has no folder yet. */
export async function readCorpus(folder: string): Promise<Kept[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return await Promise.all(names.toSorted().map(async (name) => ({ name, input: await readFile(join(folder, name)) })));
}

/** @returns the file's path; its name says what happens, then a few digits of the content's hash */
export async function keep(folder: string, what: string, input: Uint8Array, extension: string): Promise<string> {
  const words = what
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const digits = createHash('sha256').update(input).digest('hex').slice(0, 6);
  const path = join(folder, `${words.slice(0, 60).replace(/-+$/, '')}-${digits}${extension}`);
  await mkdir(folder, { recursive: true });
  await writeFile(path, input);
  return path;
}
