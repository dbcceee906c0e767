/** Whose processes a sandbox's are, on this machine. */
import { statSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Identity {
  uid: number;
  gid: number;
}

/** Above what distributions and container engines give away, below 2^31, which some programs can't print. */
const FIRST = 0x7000_0000;
const COUNT = 0x0800_0000;
const A_PROCESS = 64;
const taken = new Set<number>();

/** An identity that nobody else has while it is held. */
export function takeIdentity(): Identity & { giveBack(): void } {
  let uid = FIRST + ((process.pid * A_PROCESS) % COUNT);
  // Sixty-four for each process; who has more takes them from the other half.
  for (let n = 0; taken.has(uid); n++) uid = n < A_PROCESS ? uid + 1 : FIRST + COUNT + Math.floor(Math.random() * (COUNT - 1));
  taken.add(uid);
  return { uid, gid: uid, giveBack: () => void taken.delete(uid) };
}

/** Was it taken here, rather than chosen by somebody? Its number means nothing to anybody then. */
export function isTaken({ uid }: Identity): boolean {
  return taken.has(uid);
}

/** Can it walk to the path? Only what its folders' permission bits say; that the path is readable is another question. */
export function canReach(path: string, { uid, gid }: Identity): boolean {
  for (let folder = dirname(realpathSync(path)); ; folder = dirname(folder)) {
    const { mode, uid: owner, gid: group } = statSync(folder);
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === '/') return true;
  }
}
