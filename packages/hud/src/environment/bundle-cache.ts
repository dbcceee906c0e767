/**
 * Compiled sources on disk, and what each was made of: a source whose files have not changed since is not
 * compiled again, so a child process starts without the compiler.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, type BigIntStats } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HudError } from '../protocol/errors.ts';

/** Everything that a bundle depends on, with the state it was in. */
interface Manifest {
  bundle: string;
  /** Path → {@link stampOf}; `absent` for files that would have mattered, had they been there. */
  stamps: Record<string, string>;
}

const ABSENT = 'absent';
/** Decide how imports resolve, wherever they stand above a source. */
const PROJECT_FILES = [
  'tsconfig.json',
  'package.json',
  'package-lock.json',
  'node_modules/.package-lock.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
];

/**
 * Asks the disk directly, not through the pool of threads: a hundred short questions, and a process that
 * starts has nothing else to do.
 * @returns the bundle made earlier under this key, if nothing that it was made of has changed
 */
export function freshBundle(key: string): string | undefined {
  for (const directory of cacheDirectories()) {
    const manifest = readManifest(join(directory, manifestName(key)));
    if (manifest === undefined || !isOurs(directory)) continue;
    const isFresh = Object.entries(manifest.stamps).every(([path, stamp]) => stampOf(path) === stamp);
    if (isFresh && stampOf(manifest.bundle) !== ABSENT) return manifest.bundle;
  }
  return undefined;
}

/**
 * Writes the bundle, named by its content, and remembers what it was made of.
 * @param inputs absolute paths of all that went in or is imported from outside
 * @param startedAt when the compiler began, milliseconds since 1970: files changed since are not trusted
 * @returns the bundle's absolute path
 * @throws HudError BAD_SOURCE when no cache directory can be written
 */
export async function storeBundle(key: string, code: string, inputs: readonly string[], startedAt: number): Promise<string> {
  const name = `${createHash('sha256').update(code).digest('hex').slice(0, 32)}.mjs`;
  for (const directory of cacheDirectories()) {
    const bundle = join(directory, name);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      if (!isOurs(directory)) continue;
      if (stampOf(bundle) === ABSENT) await writeWhole(bundle, code);
      const stamps = stampsOf(inputs, startedAt);
      if (stamps !== undefined) await writeWhole(join(directory, manifestName(key)), JSON.stringify({ bundle, stamps } satisfies Manifest));
      return bundle;
    } catch (cause) {
      if (!isUnwritable(cause)) throw cause;
    }
  }
  throw new HudError('BAD_SOURCE', 'The compiled source can be written neither to ~/.hud/.cache nor to the temporary directory.', {
    hint: 'Make one of them writable, or free some disk space.',
  });
}

function cacheDirectories(): string[] {
  return [join(homedir(), '.hud', '.cache', 'bundles'), join(tmpdir(), `hud-bundles-${process.getuid?.() ?? 0}`)];
}

/** In a shared temporary directory somebody else may have been there first; what they put there is not run. */
function isOurs(directory: string): boolean {
  const found = stateOf(directory);
  return found !== undefined && (process.getuid === undefined || Number(found.uid) === process.getuid());
}

function stampsOf(inputs: readonly string[], startedAt: number): Record<string, string> | undefined {
  const above = new Set<string>();
  for (const input of inputs) {
    for (let folder = dirname(input); ; folder = dirname(folder)) {
      for (const file of PROJECT_FILES) above.add(join(folder, file));
      if (dirname(folder) === folder) break;
    }
  }
  const stamps: Record<string, string> = {};
  for (const path of new Set([...inputs, ...above])) {
    const stamp = stampOf(path, startedAt);
    if (stamp === undefined) return undefined;
    stamps[path] = stamp;
  }
  return stamps;
}

/** Size, modification and change time; undefined when it changed after `since`. */
function stampOf(path: string): string;
function stampOf(path: string, since: number): string | undefined;
function stampOf(path: string, since = Infinity): string | undefined {
  const found = stateOf(path);
  if (found === undefined) return ABSENT;
  if (Number(found.mtimeMs) >= since || Number(found.ctimeMs) >= since) return undefined;
  return `${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

function stateOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // behind a folder that may not be looked into, or below a file
  }
}

function manifestName(key: string): string {
  return `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`;
}

function readManifest(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch {
    return undefined; // none, or one that is being replaced: the source is compiled
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${performance.now()}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

function isUnwritable(cause: unknown): boolean {
  return ['EACCES', 'EROFS', 'EPERM', 'ENOSPC', 'ENOTDIR', 'EDQUOT', 'ENOENT'].includes(String((cause as { code?: unknown }).code));
}
