/** A tree of small texts, as a large repository is one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILES_IN_FOLDER = 20;
const TOP_FOLDERS = 50;

export async function makeTree(root: string, files: number): Promise<void> {
  for (let at = 0; at < files; at += FILES_IN_FOLDER) {
    await mkdir(join(root, folderOf(at)), { recursive: true });
    const inFolder = Array.from({ length: Math.min(FILES_IN_FOLDER, files - at) }, (_, i) => at + i);
    await Promise.all(inFolder.map((i) => writeFile(join(root, pathOf(i)), `line of file ${i}\n`.repeat(30 + (i % 30)))));
  }
}

/** The n-th file to be edited; no two of a thousand edits in a row meet. */
export function editedPath(edit: number): string {
  return pathOf(edit % 1_000);
}

function pathOf(i: number): string {
  return join(folderOf(i), `file${i % FILES_IN_FOLDER}.ts`);
}

function folderOf(i: number): string {
  const folder = Math.floor(i / FILES_IN_FOLDER);
  return join(`package${folder % TOP_FOLDERS}`, `module${Math.floor(folder / TOP_FOLDERS)}`);
}
