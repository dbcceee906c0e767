/**
 * A platform with the local engine in a process of its own, to be disturbed: node training-process.ts
 * Loads the code, says so, starts with the settings of the first line of its input, and says where. Each later line is a `Disturbance`.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readConfig } from '../../src/config.ts';
import { startPlatform, type Platform } from '../../src/server.ts';
import { openLocalEngine, type LocalEngine } from '../../src/training/local/local-engine.ts';

export interface Disturbance {
  /** The whole process without notice, or the threads of the engine alone. */
  what: 'kill' | 'lose';
  /** In so many milliseconds, or as soon as an operation of the kind is on record in the phase. */
  at: number | { kind: string; phase: string };
}

let running: { platform: Platform; engine: LocalEngine } | undefined;
const awaited: Disturbance[] = [];

process.once('SIGTERM', () => void running?.platform.close().then(() => process.exit(0)));
process.stdout.write('loaded\n');
for await (const line of createInterface({ input: process.stdin })) {
  if (running === undefined) {
    running = await start(JSON.parse(line) as Record<string, string>);
    process.stdout.write(`${running.platform.url}\n`);
  } else {
    const disturbance = JSON.parse(line) as Disturbance;
    if (typeof disturbance.at === 'number') setTimeout(() => disturb(disturbance), disturbance.at);
    else awaited.push(disturbance);
  }
}
process.exit(0); // whoever started it is gone

async function start(settings: Record<string, string>): Promise<{ platform: Platform; engine: LocalEngine }> {
  const engine = openLocalEngine({ directory: join(settings.HUD_PLATFORM_DIR ?? '', 'weights') });
  const onPhase = (kind: string, phase: string): void => {
    const place = awaited.findIndex(({ at }) => typeof at !== 'number' && at.kind === kind && at.phase === phase);
    if (place !== -1) for (const disturbance of awaited.splice(place, 1)) disturb(disturbance);
  };
  const platform = await startPlatform(readConfig(settings), { version: '0.0.0', training: { engine, onPhase } });
  return { platform, engine };
}

function disturb({ what }: Disturbance): void {
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  else void running?.engine.kill();
}
