/** One seed from beginning to end. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessGone } from './database.ts';
import type { Plant } from './plants.ts';
import { Stage } from './stage.ts';
import { tell } from './story.ts';
import { Violation, type Invariant } from './world.ts';

export interface Played {
  seed: number;
  /** Equal for equal worlds: SHA-256 of everything that happened. */
  fingerprint: string;
  events: number;
  attempts: number;
  /** Milliseconds of virtual time. */
  lastedMs: number;
  faults: Record<string, number>;
  violation?: { invariant: Invariant | 'error'; message: string };
}

export interface PlayOptions {
  plant?: Plant;
  onLog?: (line: string) => void;
}

export async function play(seed: number, { plant, onLog }: PlayOptions = {}): Promise<Played> {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'hud-sim-'));
  const stage = new Stage({ seed, directory, plant, ...(onLog === undefined ? {} : { onLog }) });
  const { world, ledger } = stage;
  const unpatch = plant?.patch?.();
  const onCrash = (error: unknown): void => {
    if (!comesFromTheDead(error)) world.fail('crash', `nobody caught: ${textOf(error)}`);
  };
  process.on('uncaughtException', onCrash).on('unhandledRejection', onCrash);
  let violation: Played['violation'];
  try {
    await world.play(tell(stage));
  } catch (error) {
    violation = { invariant: error instanceof Violation ? error.invariant : 'error', message: textOf(error) };
  } finally {
    for (const each of world.processes) each.kill('ends with the world');
    process.off('uncaughtException', onCrash).off('unhandledRejection', onCrash);
    unpatch?.();
    rmSync(directory, { recursive: true, force: true });
  }
  const { events, faults, now } = world;
  const fingerprint = world.fingerprint();
  return { seed, fingerprint, events, attempts: ledger.attempts, lastedMs: now, faults, ...(violation === undefined ? {} : { violation }) };
}

/** A dead process's program runs on to its next wait, and may fail on its way there: that is nobody's failure. */
function comesFromTheDead(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof ProcessGone) return true;
  return false;
}

function textOf(error: unknown): string {
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
