/** The record that `hud eval` keeps in `.hud`, for the commands that read it. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HudError } from '../protocol/errors.ts';
import { openStore, type Store } from '../store/index.ts';
import type { Context } from './command.ts';

/** Absolute; HUD_DIR, else `.hud` in the current directory. */
export function recordDirectory({ cwd, env }: Pick<Context, 'cwd' | 'env'>): string {
  return resolve(cwd, env.HUD_DIR || '.hud');
}

/** Undefined where nothing was recorded yet: reading must not create a record. */
export async function openRecord(context: Pick<Context, 'cwd' | 'env'>): Promise<Store | undefined> {
  const directory = recordDirectory(context);
  return existsSync(join(directory, 'hud.db')) || existsSync(join(directory, 'hud.db-wal')) ? await openStore({ directory }) : undefined;
}

export function notRecorded(what: string, context: Context): HudError {
  return new HudError('BAD_ARGUMENT', `There is no ${what} in ${recordDirectory(context)}.`, {
    hint: '`hud jobs` lists what is there. HUD_DIR names another record.',
  });
}
