/** Writes a preset into a folder. Nothing is left of a folder that it made when it fails. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HudError, messageOf } from '../protocol/errors.ts';
import { dependencyRange, packageDirectory } from './package-origin.ts';

export const PRESETS: readonly string[] = ['blank'];

/** npm leaves files of these names out of a package, so they travel under others. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore', dockerignore: '.dockerignore' };

/**
 * @param target absolute; may exist when it is empty, or with `force`
 * @returns the names of the files written
 * @throws HudError BAD_ARGUMENT before anything is written when the target is occupied
 */
export async function scaffold(target: string, options: { preset: string; force: boolean }): Promise<string[]> {
  const present = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HudError('BAD_ARGUMENT', `${target} can't be used: ${error.message}.`, { cause: error });
  });
  if (present !== undefined && present.length > 0 && !options.force) {
    throw new HudError('BAD_ARGUMENT', `${target} is not empty.`, {
      hint: 'Choose another name, or --force to write into it all the same.',
    });
  }
  const source = join(packageDirectory(), 'templates', options.preset);
  let madeFrom: string | undefined;
  try {
    const files = (await readPreset(source, target)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    madeFrom = await mkdir(target, { recursive: true });
    for (const [name, content] of files) await writeFile(join(target, name), content);
    return files.map(([name]) => name);
  } catch (cause) {
    if (madeFrom !== undefined) await rm(madeFrom, { recursive: true, force: true });
    throw new HudError('BAD_ARGUMENT', `${target} can't be written: ${messageOf(cause)}.`, { cause });
  }
}

async function readPreset(source: string, target: string): Promise<[name: string, content: string][]> {
  const values = await placeholders(target);
  const names = await readdir(source);
  return await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const content = await readFile(join(source, name), 'utf8');
      return [RENAMED[name] ?? name, content.replace(/\{\{(\w+)\}\}/g, (found, key: string) => values[key] ?? found)];
    }),
  );
}

async function placeholders(target: string): Promise<Record<string, string>> {
  const environment = environmentName(basename(target) || basename(dirname(target)));
  const manifest = JSON.parse(await readFile(join(packageDirectory(), 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  return {
    environment,
    package:
      environment
        .replaceAll('_', '-')
        .replace(/^-+|-+$/g, '')
        .toLowerCase() || 'environment',
    hud: JSON.stringify(dependencyRange()).slice(1, -1), // a path may hold what JSON must escape
    zod: manifest.dependencies.zod ?? '*',
  };
}

/** The folder's name with everything but letters, digits and underscores as an underscore. */
export function environmentName(folder: string): string {
  return folder.replace(/[^A-Za-z0-9_]/g, '_');
}
