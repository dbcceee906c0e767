/** What a sandbox sees of this machine, as arguments of bubblewrap. */
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import type { Mount, SandboxSpec } from './sandbox.ts';
import { CONTROL_FOLDER } from './spawner.ts';

export interface MountPlan {
  spec: Pick<SandboxSpec, 'root' | 'guestPath' | 'systemMounts' | 'mounts'>;
  /** The control folder, on this machine. */
  control: string;
  /** Largest size of each tmpfs, in bytes; undefined for a bubblewrap that can't limit it. */
  tmpfsBytes: number | undefined;
  /** Where a source can be found instead, for one that the sandbox's user can't reach. */
  staged: ReadonlyMap<string, string>;
}

/** In order: later ones shadow earlier ones, and nobody shadows the control folder. */
export function mountArguments({ spec, control, tmpfsBytes, staged }: MountPlan): string[] {
  const mounts = allMounts(spec);
  const tmpfs = (path: string): string[] => [
    ...(tmpfsBytes === undefined ? [] : ['--perms', '1777', '--size', String(tmpfsBytes)]),
    '--tmpfs',
    path,
  ];
  const devices = mounts.filter(({ kind }) => kind === 'dev').map(({ dst }) => dst);
  return [
    ...mounts.flatMap((mount) => argumentsOf(mount, tmpfs, staged)),
    '--ro-bind',
    staged.get(control) ?? control,
    CONTROL_FOLDER,
    // Otherwise both are memory that no size limits.
    ...[...devices, '/'].flatMap((path) => ['--remount-ro', path]),
  ];
}

/** All of them, with the devices, processes and private folders that no sandbox is without. */
export function allMounts({ root, guestPath, systemMounts, mounts }: MountPlan['spec']): Mount[] {
  const given = new Set([...systemMounts, ...mounts].map(({ dst }) => dst));
  const added: Mount[] = [
    { kind: 'proc', dst: '/proc' },
    { kind: 'dev', dst: '/dev' },
    { kind: 'tmpfs', dst: '/tmp' },
  ];
  return [...systemMounts, ...added.filter(({ dst }) => !given.has(dst)), { kind: 'rw', src: root, dst: guestPath }, ...mounts];
}

/** Folders and files of this machine that it shows. */
export function mountSources(spec: MountPlan['spec']): string[] {
  return allMounts(spec).flatMap(({ kind, src, optional }) =>
    (kind === 'ro' || kind === 'rw') && src !== undefined && !(optional === true && !existsSync(src)) ? [src] : [],
  );
}

function argumentsOf(
  { kind, src, dst, optional }: Mount,
  tmpfs: (path: string) => string[],
  staged: ReadonlyMap<string, string>,
): string[] {
  const source = src ?? dst;
  const flag = optional === true ? '-try' : '';
  switch (kind) {
    case 'ro':
      return [`--ro-bind${flag}`, staged.get(source) ?? source, dst];
    case 'rw':
      return [`--bind${flag}`, staged.get(source) ?? source, dst];
    case 'symlink':
      return ['--symlink', source, dst];
    case 'tmpfs':
      return tmpfs(dst);
    case 'proc':
      return ['--proc', dst];
    default:
      return ['--dev', dst, ...tmpfs(posix.join(dst, 'shm'))];
  }
}

const LINKS = 40;

/**
 * The file of this machine that a path names inside, symbolic links followed as they are followed there.
 * @returns undefined when there is none
 */
export function sourceOf(path: string, spec: MountPlan['spec']): string | undefined {
  const mounts = allMounts(spec).toReversed();
  let rest = path.split('/').filter(Boolean);
  let at = '/';
  for (let links = 0; rest.length > 0 && links < LINKS;) {
    const next = posix.join(at, rest[0] as string);
    rest = rest.slice(1);
    const link = linkAt(next, mounts);
    if (link === undefined) {
      at = next;
      continue;
    }
    links++;
    rest = [...link.split('/').filter(Boolean), ...rest];
    if (link.startsWith('/')) at = '/';
  }
  const found = onThisMachine(at, mounts);
  return found !== undefined && existsSync(found) ? found : undefined;
}

function linkAt(path: string, mounts: readonly Mount[]): string | undefined {
  const declared = mounts.find(({ kind, dst }) => kind === 'symlink' && dst === path);
  if (declared !== undefined) return declared.src;
  const found = onThisMachine(path, mounts);
  if (found === undefined) return undefined;
  return lstatSync(found, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(found) : undefined;
}

function onThisMachine(path: string, mounts: readonly Mount[]): string | undefined {
  const mount = mounts.find(({ kind, dst }) => kind !== 'symlink' && (path === dst || path.startsWith(`${dst === '/' ? '' : dst}/`)));
  if (mount === undefined || (mount.kind !== 'ro' && mount.kind !== 'rw')) return undefined;
  return posix.join(mount.src ?? mount.dst, path.slice(mount.dst === '/' ? 0 : mount.dst.length));
}
