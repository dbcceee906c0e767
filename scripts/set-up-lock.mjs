/** One set-up at a time in a checkout: a lock folder that names its owner and outlives nobody. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, rmdirSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What went wrong and what to do, in words for the terminal. */
export class SetUpError extends Error {}

const HEARTBEAT_MS = 2_000;
/** An owner silent for so long is gone, whatever process has its number now. */
const SILENT_MS = 30_000;
const LONGEST_WAIT_MS = 600_000;

const GONE = ['ENOENT'];
const TAKEN = ['ENOTEMPTY', 'EEXIST'];

/**
 * Runs `work` while holding `folder`.
 * @param say called with one sentence when another process has to be waited for
 */
export async function withLock(folder, say, work) {
  const owner = `${process.pid}-${randomBytes(4).toString('hex')}`;
  await acquire(folder, owner, say);
  const beat = setInterval(() => attempt(GONE, () => utimesSync(join(folder, owner), new Date(), new Date())), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    removeOwner(folder, owner);
    attempt([...GONE, ...TAKEN], () => rmdirSync(folder));
  }
}

/**
 * A folder holding the owner's file is renamed into place. That succeeds for one process only, where no
 * folder or an empty one stands, so a dead owner is cleared by deleting its file, by name.
 */
async function acquire(folder, owner, say) {
  const claim = `${folder}.${owner}`;
  mkdirSync(claim, { recursive: true });
  writeFileSync(join(claim, owner), '');
  const deadlineMs = Date.now() + LONGEST_WAIT_MS;
  let isWaiting = false;
  while (attempt(TAKEN, () => renameSync(claim, folder)) === false) {
    const other = ownerOf(folder);
    if (other === undefined) continue;
    if (!isAlive(folder, other)) {
      removeOwner(folder, other);
      continue;
    }
    if (!isWaiting) say(`Another set-up of this checkout is running (process ${Number.parseInt(other, 10)}); waiting for it.`);
    isWaiting = true;
    if (Date.now() > deadlineMs) {
      rmSync(claim, { recursive: true, force: true });
      throw new SetUpError(`The set-up of process ${other} has held ${folder} for ten minutes. If none is running, delete that folder.`);
    }
    await sleep(200);
  }
}

function ownerOf(folder) {
  return attempt(GONE, () => readdirSync(folder)[0]) || undefined;
}

function removeOwner(folder, owner) {
  attempt(GONE, () => unlinkSync(join(folder, owner)));
}

function isAlive(folder, owner) {
  const beatMs = statSync(join(folder, owner), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Date.now() - beatMs > SILENT_MS) return false;
  try {
    process.kill(Number.parseInt(owner, 10), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM'; // it runs, as another user
  }
}

/** @returns false when it failed with one of the codes: another process was quicker */
function attempt(codes, act) {
  try {
    return act();
  } catch (error) {
    if (codes.includes(error.code)) return false;
    throw error;
  }
}
