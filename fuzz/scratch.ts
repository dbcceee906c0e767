/** Where inputs become files: in memory where the system has such a folder, because each is written, read and forgotten. */
import { accessSync, constants, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Environment variable by which a worker's folders lie inside that of its campaign, which outlives it. */
export const SCRATCH_VARIABLE = 'FUZZ_SCRATCH';

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

const open = new Set<string>();

/** An empty folder; disposing removes it. */
export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(memoryFolder(), 'hud-fuzz-'));
  open.add(path);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      open.delete(path);
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** For a program that is interrupted. */
export function removeScratch(): void {
  for (const path of open) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

function memoryFolder(): string {
  const { [SCRATCH_VARIABLE]: given } = process.env;
  if (given !== undefined) return given;
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir(); // only Linux has it
  }
}
