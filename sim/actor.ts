/** Processes beside the drivers. */
import { isHudError } from '../packages/hud/src/protocol/errors.ts';
import type { SimProcess } from './process.ts';
import type { Stage } from './stage.ts';

/** A process beside the drivers: what the product refuses it is its own affair. */
export function actor(stage: Stage, name: string, main: (process: SimProcess) => Promise<void>): SimProcess {
  const process = stage.world.spawn(name);
  process.isBusy = true;
  stage.world.schedule(0, process, 'begins', () => {
    void main(process)
      .catch(refused)
      .then(() => process.kill('exits'));
  });
  return process;
}

export function refused(error: unknown): void {
  if (!isHudError(error)) throw error;
}
