/** A client that loses its connection and comes back for its task, perhaps more than once, perhaps twice at a time. */
import type { Client } from '../packages/hud/src/client/client.ts';
import { connect } from '../packages/hud/src/client/connect.ts';
import { sleep, type Host } from '../packages/hud/src/host/host.ts';
import { actor, refused } from './actor.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

const RETURNS = 4;

export function wander(stage: Stage, server: SimProcess, random: Random): void {
  const [port] = server.ports;
  const { secret } = server;
  if (port === undefined || secret === undefined) return;
  const address = { host: '127.0.0.1', port, secret };
  const goesTwice = random.chance(0.5);
  actor(stage, 'wanderer', async (process) => {
    const host = stage.hostOf(process);
    const name = `wanderer-${process.pid}`;
    const session = await begin(stage, await connect(address, { host, readyTimeout: 2 }), name);
    let grades = 0;
    const comeBack = async (): Promise<void> => {
      for (let i = 0; i < RETURNS; i++) {
        await sleep(host, process.random.between(1, 400));
        if (await gradedAt(address, host, session, name).catch(refused)) grades += 1;
      }
    };
    await Promise.all([comeBack(), ...(goesTwice ? [comeBack()] : [])]);
    if (grades > 1) stage.world.fail('graded-once', `${name} was given ${grades} grades for one task`);
  });
}

async function begin({ ledger }: Stage, client: Client, name: string): Promise<{ id: string; secret?: string }> {
  await using _closing = client; // and the task waits parked
  ledger.own(client.sessionId, name);
  await client.start('count', { n: 0 });
  return { id: client.sessionId, ...(client.sessionSecret === undefined ? {} : { secret: client.sessionSecret }) };
}

async function gradedAt(
  address: { host: string; port: number; secret: string },
  host: Host,
  session: { id: string; secret?: string },
  name: string,
): Promise<boolean> {
  await using client = await connect(address, { host, readyTimeout: 1, session });
  await client.grade(`${name}/0.5`);
  return true;
}
