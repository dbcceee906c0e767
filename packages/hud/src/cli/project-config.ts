/** `.hud/config.json`: what of the platform a folder is linked to. The Python package reads and writes it too. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';
import type { Context } from './command.ts';

export interface ProjectConfig {
  /** The environment of this folder. */
  registryId?: string;
  registryName?: string;
  tasksetId?: string;
}

const KEYS = ['registryId', 'registryName', 'tasksetId'] as const;
/** As newer versions of the Python package spell them. */
const TWINS: Readonly<Record<string, string>> = { registryId: 'registry_id', tasksetId: 'taskset_id' };

export function projectConfigPath(directory: string): string {
  return join(directory, '.hud', 'config.json');
}

/** An unreadable file counts as empty, and is told. */
export async function readProjectConfig(directory: string, { note }: Pick<Context, 'note'>): Promise<ProjectConfig> {
  const file = await readObject(directory, note);
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const value = file[key] ?? file[TWINS[key] ?? ''];
      return typeof value === 'string' && value !== '' ? [[key, value]] : [];
    }),
  );
}

/**
 * Changes these members and leaves the others.
 * @returns whether anything is different now
 * @throws HudError BAD_CONFIG when it can't be written
 */
export async function updateProjectConfig(directory: string, changes: ProjectConfig, { note }: Pick<Context, 'note'>): Promise<boolean> {
  const before = await readObject(directory, note);
  const after: JsonObject = { ...before };
  for (const [key, value] of Object.entries(changes)) {
    const twin = TWINS[key] ?? '';
    if ((before[key] ?? before[twin]) === value) continue;
    after[key] = value;
    delete after[twin]; // two spellings would soon say two things
  }
  if (JSON.stringify(after) === JSON.stringify(before)) return false;
  const text = `${JSON.stringify(after, undefined, 2)}\n`;
  const path = projectConfigPath(directory);
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (cause) {
    throw new HudError('BAD_CONFIG', `${path} can't be written: ${messageOf(cause)}.`, { cause });
  }
  return true;
}

async function readObject(directory: string, note: Context['note']): Promise<JsonObject> {
  const path = projectConfigPath(directory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') note(`${path} can't be read and counts as empty: ${messageOf(error)}.`);
    return {};
  }
  try {
    const value = parseJson(text);
    if (isPlainObject(value)) return value;
    note(`${path} is no JSON object and counts as empty.`);
  } catch (error) {
    note(`${path} counts as empty: ${messageOf(error)}.`);
  }
  return {};
}
