/**
 * What root prepares in a mount namespace of its own before it becomes the sandbox's user: the overlay, and another
 * way to sources that this user can't walk to. All of it goes when the sandbox ends.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HudError } from '../../protocol/errors.ts';
import { canReach, type Identity } from './identity.ts';

export interface Stage {
  /** Sources by their other names. */
  staged: ReadonlyMap<string, string>;
  /** In front of the command, to be run as root; empty when nothing is to be prepared. */
  command: string[];
  /** Folder of the overlay's changes. */
  upper: string | undefined;
}

/** Folders that exist everywhere, are walkable, and that hardly a sandbox shows: one of them is hidden by the stage. */
const PLACES = ['/sys', '/mnt', '/media', '/srv', '/opt', '/boot'];

/** @throws HudError BAD_ARGUMENT when no place is free of sources */
export function prepareStage(options: {
  sources: readonly string[];
  overlayOf: string | undefined;
  directory: string;
  identity: Identity;
}): Stage {
  const { overlayOf, directory, identity } = options;
  const hidden = options.sources.filter((source) => source === overlayOf || !canReach(source, identity));
  if (hidden.length === 0) return { staged: new Map(), command: [], upper: undefined };
  const place = freePlace(options.sources);
  const staged = new Map<string, string>();
  const lines = [`tmpfs ${place} tmpfs size=1m,mode=755 0 0`];
  const bind = (source: string): string => {
    const at = join(place, String(lines.length));
    lines.push(`${escape(source)} ${at} none rbind,X-mount.mkdir 0 0`);
    return at;
  };
  for (const source of hidden) {
    // A mount point that is a file would have to exist before: its folder does as well.
    staged.set(source, statSync(source).isDirectory() ? bind(source) : join(bind(dirname(source)), basename(source)));
  }
  let upper: string | undefined;
  if (overlayOf !== undefined) {
    const layer = makeLayer(directory, overlayOf, identity);
    upper = join(layer, 'upper');
    const [lower, at, merged] = [staged.get(overlayOf) as string, bind(layer), join(place, 'merged')];
    // Volatile: its end does not wait until everything is on the disk.
    const options = `lowerdir=${lower},upperdir=${at}/upper,workdir=${at}/work,volatile,X-mount.mkdir`;
    lines.push(`overlay ${merged} overlay ${options} 0 0`);
    staged.set(overlayOf, merged);
  }
  const table = join(directory, 'mounts');
  writeFileSync(table, `${lines.join('\n')}\n`, { mode: 0o600 });
  const drop = `setpriv --reuid ${identity.uid} --regid ${identity.gid} --clear-groups`;
  const script = `mount --all --fstab "$1" || exit 125; shift; exec ${drop} -- "$@"`;
  return { staged, upper, command: ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', script, 'stage', table] };
}

function freePlace(sources: readonly string[]): string {
  const isUsed = (place: string): boolean => sources.some((source) => `${source}/`.startsWith(`${place}/`) || source === '/');
  const place = PLACES.find((place) => existsSync(place) && !isUsed(place));
  if (place !== undefined) return place;
  throw new HudError('BAD_ARGUMENT', `The sandbox mounts something below each of ${PLACES.join(', ')}, so none is left to prepare it in.`, {
    hint: 'Make the mounted folders reachable for everybody (chmod o+x), or mount less.',
  });
}

/** The merged folder looks as its upper half does: as the lower one, but of the sandbox's user. */
function makeLayer(directory: string, lower: string, { uid, gid }: Identity): string {
  const layer = join(directory, 'layer');
  // A volatile overlay leaves a mark there that forbids the next one.
  rmSync(join(layer, 'work'), { recursive: true, force: true });
  for (const name of ['', 'upper', 'work']) mkdirSync(join(layer, name), { recursive: true });
  chmodSync(join(layer, 'upper'), statSync(lower).mode & 0o7777);
  chownSync(join(layer, 'upper'), uid, gid);
  return layer;
}

/** As fstab(5) wants blanks. */
function escape(path: string): string {
  return path.replaceAll(/[\\\s#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
