/** Somebody who means to grade what is not theirs. */
import { connect } from '../packages/hud/src/client/connect.ts';
import { actor, refused } from './actor.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

/** Knows the server's address, perhaps its secret, but no session's: tries to grade and to take over. */
export function intrude(stage: Stage, server: SimProcess, random: Random): void {
  const [port] = server.ports;
  const secret = random.chance(0.7) ? server.secret : random.hex(32);
  const tries = random.between(1, 8);
  const everyMs = random.between(1, 20);
  if (port === undefined) return;
  actor(stage, 'intruder', async (process) => {
    const host = stage.hostOf(process);
    for (let i = 0; i < tries && server.isAlive; i++) {
      await using client = await connect(
        { host: '127.0.0.1', port, ...(secret === undefined ? {} : { secret }) },
        { host, readyTimeout: 1 },
      );
      await client.grade('intruder/1').catch(refused);
      await new Promise<void>((resolve) => host.setTimer(everyMs, resolve));
    }
  });
}
