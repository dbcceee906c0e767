/** Names of saved weights below the engine's folder. */
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HudError } from 'hud/protocol';
import { readWeights, writeWeights, type SavedModel } from './weights-file.ts';

/** @throws HudError BAD_ARGUMENT for a name that would lead elsewhere */
function pathOf(directory: string, name: string): string {
  const isSafe = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(name) && name.length <= 200;
  if (isSafe) return join(directory, `${name}.weights`);
  throw new HudError('BAD_ARGUMENT', `"${name}" can not be the name of saved weights.`, {
    hint: 'Use letters, digits, "-", "_", "." and "/", no part beginning with a dot.',
  });
}

/** @throws HudError BAD_ARGUMENT when there are none, STORE_DAMAGED */
export async function loadSaved(directory: string, name: string): Promise<SavedModel> {
  const saved = await readWeights(pathOf(directory, name));
  if (saved !== undefined) return refuseOther(name, saved);
  throw new HudError('BAD_ARGUMENT', `There are no saved weights "${name}".`, {
    hint: 'A platform reads those in its own folder alone (HUD_PLATFORM_DIR): were they written by another one, or removed?',
  });
}

/** The service names weights after the step that made them: a file that was put in their place is not taken. */
function refuseOther(name: string, saved: SavedModel): SavedModel {
  const made = /^(?:state|sampler)-\d+-([0-9a-f]{32})$/.exec(name)?.[1];
  if (made === undefined || made === saved.stepId) return saved;
  throw new HudError('STORE_DAMAGED', `What is saved as "${name}" are the weights of another step or model.`, {
    hint: 'Put the file back from where it was copied, or go back to another checkpoint.',
  });
}

/** What has the name already is taken when it is of the same step; a damaged file is written again. */
export async function save(directory: string, name: string, model: SavedModel): Promise<void> {
  const path = pathOf(directory, name);
  const existing = await readWeights(path).catch((error: unknown) => {
    if (error instanceof HudError && error.code === 'STORE_DAMAGED') return undefined;
    throw error;
  });
  if (existing === undefined) return writeWeights(path, model);
  const { base, step, stepId, moments } = existing;
  const isSame =
    base === model.base && step === model.step && stepId === model.stepId && (moments === undefined) === (model.moments === undefined);
  if (isSame) return;
  throw new HudError('BAD_ARGUMENT', `There are weights "${name}" already, of step ${step}; these are of step ${model.step}.`, {
    hint: 'Save under another name.',
  });
}

/** Also what an interrupted write left of it. */
export async function removeSaved(directory: string, name: string): Promise<void> {
  const path = pathOf(directory, name);
  await rm(path, { force: true });
  for (const file of await filesIn(dirname(path)))
    if (file.startsWith(`${basename(path)}.`) && UNFINISHED.test(file)) await rm(join(dirname(path), file), { force: true });
}

/** What writes left that a crash interrupted: whole files have another name, and nobody reads these. */
export async function sweepUnfinished(directory: string, now: number): Promise<void> {
  for (const file of await filesIn(directory)) {
    if (!UNFINISHED.test(file)) continue;
    const path = join(directory, file);
    const found = await stat(path).catch(noneIfMissing);
    if (found !== undefined && now - found.mtimeMs > UNFINISHED_MS) await rm(path, { force: true });
  }
}

/** Temporary names as `writeWeights` makes them. */
const UNFINISHED = /\.weights\.[0-9a-f-]{36}\.tmp$/;
/** No write takes that long. */
const UNFINISHED_MS = 60 * 60_000;

async function filesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(noneIfMissing)) ?? [];
}

function noneIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
