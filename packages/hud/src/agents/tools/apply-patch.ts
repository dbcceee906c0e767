/** Patches files behind a shell: everything is read and computed first, then all files change together or none does. */
import { shellQuote, type SshClient } from '../../capabilities/ssh.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';
import { applyHunks } from './apply-patch-lines.ts';
import type { FileChange } from './apply-patch-parse.ts';
import { readText, refusalTold } from './remote-text.ts';

export interface PatchOptions {
  signal: AbortSignal;
  /** Paths beyond the session's folder may be patched. @default false */
  isOutsideAllowed?: boolean;
}

/**
 * @returns a line for each file: `A path`, `M path`, `D path`
 * @throws HudError BAD_ARGUMENT when the patch does not fit; nothing was written then
 */
export async function applyPatch(ssh: SshClient, changes: readonly FileChange[], options: PatchOptions): Promise<string> {
  const places = await resolve(ssh, changes, options);
  const edits = await Promise.all(changes.map(async (change) => await editsOf(ssh, change, places, options.signal)));
  const flat = edits.flat();
  const twice = flat.find(({ place }, i) => flat.findIndex((other) => other.place.real === place.real) !== i);
  if (twice !== undefined) throw refused(`The patch changes ${twice.place.path} twice.`);
  await commit(ssh, flat, options.signal);
  return changes.flatMap(summary).join('\n');
}

function summary(change: FileChange): string[] {
  if (change.kind === 'add') return [`A ${change.path}`];
  if (change.kind === 'delete') return [`D ${change.path}`];
  return change.moveTo === undefined ? [`M ${change.path}`] : [`D ${change.path}`, `A ${change.moveTo}`];
}

/** A path of the patch, as it is on the other side. */
interface Place {
  path: string;
  /** Absolute, links followed; of a file to be deleted the link itself. */
  real: string;
  kind: 'file' | 'other' | 'none';
  /** The nearest folder above that exists. */
  folder: string;
}

/** One shell for all paths: a line each of kind, existing folder and real path. */
async function resolve(
  ssh: SshClient,
  changes: readonly FileChange[],
  { signal, isOutsideAllowed }: PatchOptions,
): Promise<Map<string, Place>> {
  const paths = [
    ...new Set(
      changes.flatMap((change) => (change.kind === 'update' && change.moveTo !== undefined ? [change.path, change.moveTo] : [change.path])),
    ),
  ];
  const broken = paths.find((path) => /[\0\n\t]/.test(path));
  if (broken !== undefined) throw refused(`A path holds a control character: ${JSON.stringify(broken)}.`);
  const gone = new Set(
    changes.flatMap((change) =>
      change.kind === 'delete' || (change.kind === 'update' && change.moveTo !== undefined) ? [change.path] : [],
    ),
  );
  const script = [RESOLVE, 'pwd -P', ...paths.map((path) => `look ${shellQuote(path)} ${gone.has(path) ? 'link' : 'file'}`)].join('\n');
  const { stdout, stderr, exitCode } = await ssh.exec(script, { signal });
  const [cwd = '', ...lines] = stdout.split('\n');
  if (exitCode !== 0 || lines.length < paths.length) throw refused(`The paths can't be resolved: ${stderr.trim()}`);
  const places = paths.map((path, i): Place => {
    const [kind = '', folder = '', real = ''] = (lines[i] ?? '').split('\t');
    return { path, real, folder, kind: kind === 'file' || kind === 'none' ? kind : 'other' };
  });
  const outside = places.find(({ real }) => !isInside(real, cwd));
  if (outside !== undefined && isOutsideAllowed !== true) throw refused(`${outside.path} is outside of ${cwd}.`);
  return new Map(places.map((place) => [place.path, place]));
}

const RESOLVE = `look() {
  if [ "$2" = link ] && [ -L "$1" ]; then real=$(realpath -m -- "$(dirname -- "$1")")/$(basename -- "$1"); else real=$(realpath -m -- "$1"); fi
  if [ -f "$real" ]; then kind=file; elif [ -e "$real" ] || [ -L "$real" ]; then kind=other; else kind=none; fi
  folder=$(dirname -- "$real")
  while [ ! -d "$folder" ]; do folder=$(dirname -- "$folder"); done
  printf '%s\\t%s\\t%s\\n' "$kind" "$folder" "$real"
}`;

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** What is to become of one file. */
interface Edit {
  place: Place;
  /** Undefined: it goes. */
  text: string | undefined;
  /** Whose permissions a new file takes. */
  like?: Place;
}

async function editsOf(ssh: SshClient, change: FileChange, places: ReadonlyMap<string, Place>, signal: AbortSignal): Promise<Edit[]> {
  const place = placeOf(places, change.path);
  if (change.kind === 'add') {
    assertFree(place);
    return [{ place, text: change.lines.map((line) => `${line}\n`).join('') }];
  }
  if (place.kind !== 'file') throw refused(place.kind === 'none' ? `${change.path} does not exist.` : `${change.path} is no file.`);
  if (change.kind === 'delete') return [{ place, text: undefined }];
  const { text } = applyHunks(await readText(ssh, place.real, signal), change.hunks, change.path);
  if (change.moveTo === undefined || change.moveTo === change.path) return [{ place, text }];
  const target = placeOf(places, change.moveTo);
  assertFree(target);
  return [
    { place, text: undefined },
    { place: target, text, like: place },
  ];
}

function assertFree({ kind, path }: Place): void {
  if (kind !== 'none') throw refused(`${path} exists already.`);
}

function placeOf(places: ReadonlyMap<string, Place>, path: string): Place {
  const place = places.get(path);
  if (place === undefined) throw refused(`${path} can't be resolved.`);
  return place;
}

/** New contents go to files beside their targets; then one shell moves all of them, or undoes what it did. */
async function commit(ssh: SshClient, edits: readonly Edit[], signal: AbortSignal): Promise<void> {
  const stem = `.hud-patch-${nodeHost.randomHex(6)}`;
  const moves = edits.map((edit, i) => ({
    ...edit,
    real: shellQuote(edit.place.real),
    fresh: `${edit.place.folder}/${stem}-${i}.new`,
    kept: `${edit.place.folder}/${stem}-${i}.old`,
  }));
  const clear = `rm -f -- ${moves.flatMap(({ fresh, kept }) => [shellQuote(fresh), shellQuote(kept)]).join(' ')}`;
  try {
    for (const { place, text, like, fresh } of moves) {
      if (text === undefined) continue;
      const model = like ?? (place.kind === 'file' ? place : undefined);
      // Copied first, so that the new file has the permissions and the owner of the old one.
      if (model !== undefined) await run(ssh, `cp -p -- ${shellQuote(model.real)} ${shellQuote(fresh)}`, signal);
      await refusalTold(ssh.write(fresh, text, { signal }));
    }
    const steps = moves.map(({ place, text, real, fresh, kept }) => {
      const keep =
        place.kind === 'none'
          ? `mkdir -p -- "$(dirname -- ${real})"`
          : `{ ln -- ${real} ${shellQuote(kept)} || cp -pP -- ${real} ${shellQuote(kept)}; }`;
      return `${keep} && ${text === undefined ? `rm -- ${real}` : `mv -f -T -- ${shellQuote(fresh)} ${real}`}`;
    });
    // Not cancelled halfway: either way it ends within moments.
    await run(ssh, `{ ${steps.join(' && ')}; } 2>&1 || { ${moves.map(undo).toReversed().join('; ')}; exit 1; }`, undefined);
  } finally {
    await ssh.exec(clear, { timeoutMs: 10_000 });
  }
}

function undo({ place, real, kept }: { place: Place; real: string; kept: string }): string {
  if (place.kind !== 'none') return `[ ! -e ${shellQuote(kept)} ] || mv -f -T -- ${shellQuote(kept)} ${real}`;
  const made = place.real
    .slice(place.folder.length + 1)
    .split('/')
    .slice(0, -1)
    .join('/');
  return made === ''
    ? `rm -f -- ${real}`
    : `{ rm -f -- ${real}; (cd ${shellQuote(place.folder)} && rmdir -p -- ${shellQuote(made)}); } 2>/dev/null`;
}

async function run(ssh: SshClient, command: string, signal: AbortSignal | undefined): Promise<void> {
  const { stdout, stderr, exitCode } = await ssh.exec(command, signal === undefined ? { timeoutMs: 60_000 } : { signal });
  if (exitCode !== 0) throw refused(`Nothing was changed: ${`${stdout}${stderr}`.trim() || `exit ${exitCode}`}`);
}

function refused(message: string): HudError {
  return new HudError('BAD_ARGUMENT', message);
}
