/**
 * Files of a workspace from outside. The commands inside may put a link wherever they like at any moment, so every
 * folder on the way is opened by itself and never through a link; links are followed by hand, as they lead inside.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { HudError } from '../../protocol/errors.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK, O_NOCTTY } = constants;
const LINKS = 40;

export interface InsideRoot {
  /** On this machine. */
  root: string;
  /** Where it is inside; absolute links that begin so lead back to the root. */
  guestPath: string;
  /** Owner of what is made; undefined leaves it to the system. */
  identity: { uid: number; gid: number } | undefined;
}

/** The path relative to the root, `''` for the root. @throws HudError BAD_ARGUMENT when it names something else */
export function relativeInside({ root, guestPath }: Pick<InsideRoot, 'root' | 'guestPath'>, path: string): string {
  const base = [guestPath, root].find((folder) => path === folder || path.startsWith(`${folder}/`));
  const relative = posix.isAbsolute(path) ? (base === undefined ? '..' : path.slice(base.length)) : path;
  const parts = posix
    .normalize(`./${relative}`)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  if (parts[0] === '..' || path.includes('\0')) {
    throw new HudError('BAD_ARGUMENT', `'${path}' is not in the workspace at ${root}.`, { hint: 'Use a path relative to it.' });
  }
  return parts.join('/');
}

/** @throws HudError RPC_ERROR when it is no file, is too large, or leads out of the workspace */
export async function readInside(place: InsideRoot, path: string, maxBytes: number): Promise<Buffer> {
  await using found = await findInside(place, path);
  await using file = await open(found.address, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY).catch((cause: unknown) =>
    refuse(path, cause),
  );
  const stats = await file.stat();
  if (!stats.isFile()) throw refused(path, 'it is no file');
  if (stats.size > maxBytes) throw refused(path, `it has ${stats.size} bytes, and ${maxBytes} were allowed`);
  return await file.readFile();
}

/** Makes the file and the folders on the way. @throws HudError RPC_ERROR when it is no file or leads out of the workspace */
export async function writeInside(place: InsideRoot, path: string, content: string | Uint8Array): Promise<void> {
  await using found = await findInside(place, path, true);
  const isNew = (await lstat(found.address).catch(() => undefined)) === undefined;
  await using file = await open(found.address, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o644).catch((cause: unknown) =>
    refuse(path, cause),
  );
  if (!(await file.stat()).isFile()) throw refused(path, 'it is no file');
  await file.truncate(0);
  await file.writeFile(content);
  if (isNew && place.identity !== undefined) await file.chown(place.identity.uid, place.identity.gid);
}

/** Names, sorted. @throws HudError RPC_ERROR when it is no folder or leads out of the workspace */
export async function listInside(place: InsideRoot, path: string): Promise<string[]> {
  await using found = await findInside(place, path);
  await using folder = await open(found.address, O_RDONLY | O_NOFOLLOW | O_DIRECTORY).catch((cause: unknown) => refuse(path, cause));
  return (await readdir(addressOf(folder, found.address))).toSorted();
}

interface Found extends AsyncDisposable {
  /** Of the entry, through its open folder; the entry itself is no link. */
  address: string;
}

/** Walks from the root; a link on the way, or at the end, starts it anew with what it names. */
async function findInside(place: InsideRoot, path: string, makesFolders = false): Promise<Found> {
  let parts = relativeInside(place, path).split('/');
  for (let links = 0; links < LINKS; links += 1) {
    const step = await walk(place, path, parts, makesFolders);
    if ('address' in step) return step;
    parts = step.parts;
  }
  throw refused(path, 'it is a chain of links');
}

async function walk(place: InsideRoot, path: string, parts: string[], makesFolders: boolean): Promise<Found | { parts: string[] }> {
  let folder = await open(place.root, O_RDONLY | O_DIRECTORY).catch((cause: unknown) => refuse(path, cause));
  let trail = place.root;
  try {
    for (const [index, name] of parts.entries()) {
      const address = `${addressOf(folder, trail)}/${name === '' ? '.' : name}`;
      trail = `${trail}/${name}`;
      const link = await readlink(address).catch(() => undefined); // not a link, or not there
      if (link !== undefined) {
        await folder.close();
        return { parts: followed(place, path, parts.slice(0, index), link, parts.slice(index + 1)) };
      }
      if (index === parts.length - 1) return { address, [Symbol.asyncDispose]: async () => await folder.close() };
      const next = await openFolder(place, address, path, makesFolders);
      await folder.close();
      folder = next;
    }
    throw refused(path, 'it has no name');
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function openFolder({ identity }: InsideRoot, address: string, path: string, makes: boolean): Promise<FileHandle> {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  try {
    return await open(address, flags);
  } catch (cause) {
    if (!makes || (cause as NodeJS.ErrnoException).code !== 'ENOENT') return refuse(path, cause);
  }
  await mkdir(address).catch((cause: unknown) => refuse(path, cause));
  const made = await open(address, flags).catch((cause: unknown) => refuse(path, cause));
  if (identity !== undefined) await made.chown(identity.uid, identity.gid);
  return made;
}

/** Where a link leads, as parts below the root. */
function followed({ guestPath }: InsideRoot, path: string, before: string[], link: string, after: string[]): string[] {
  const target = posix.normalize(posix.isAbsolute(link) ? link : posix.join(guestPath, ...before, link));
  if (target !== guestPath && !target.startsWith(`${guestPath}/`))
    throw refused(path, `a link on the way leads out of the workspace, to ${target}`);
  const parts = [...target.slice(guestPath.length).split('/').filter(Boolean), ...after];
  return parts.length === 0 ? [''] : parts;
}

/** An open folder's own address: moving it, or putting a link in its place, changes nothing. Elsewhere there is no sandbox to fear. */
function addressOf(folder: FileHandle, path: string): string {
  return process.platform === 'linux' ? `/proc/self/fd/${folder.fd}` : path;
}

function refuse(path: string, cause: unknown): never {
  const { code } = cause as NodeJS.ErrnoException;
  throw refused(
    path,
    code === 'ENOENT' ? 'there is no such file or folder' : code === 'ELOOP' ? 'it became a link' : String(code ?? cause),
    cause,
  );
}

function refused(path: string, why: string, cause?: unknown): HudError {
  return new HudError('RPC_ERROR', `${path} of the workspace can't be used: ${why}.`, cause === undefined ? {} : { cause });
}
