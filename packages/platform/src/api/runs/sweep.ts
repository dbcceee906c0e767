/** Looks again and again for runs whose driver says nothing any more. */
import { messageOf } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { sweepRuns } from '../../storage/runs/index.ts';

/** How long a driver may take to say that a cancelled run has ended, in milliseconds. */
export const CANCEL_MS = 30_000;
const SWEEP_EVERY_MS = 5_000;

/** Until the platform closes. */
export function keepSweeping(context: Context): void {
  let running: Promise<void> | undefined;
  const sweep = (): void => {
    running ??= sweepLogged(context).finally(() => (running = undefined));
  };
  const timer = setInterval(sweep, SWEEP_EVERY_MS).unref();
  context.closing.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** @returns how many runs it ended */
export async function sweepOnce({ db, hub, log, now, config }: Context): Promise<number> {
  const swept = await sweepRuns(db, { now: now(), silenceMs: config.HUD_PLATFORM_SILENCE_MINUTES * 60_000, cancelMs: CANCEL_MS });
  for (const run of swept) hub.publish(run);
  if (swept.length > 0) log.info('runs ended without word of their driver', { runs: swept.length });
  return swept.length;
}

async function sweepLogged(context: Context): Promise<void> {
  try {
    await sweepOnce(context);
  } catch (error) {
    if (!context.closing.aborted) context.log.warn('the search for silent runs failed', { reason: messageOf(error) });
  }
}
