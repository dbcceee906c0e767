/** A simulated process that serves one environment to everybody, as `hud serve` does. */
import { bind, type BoundServer } from '../packages/hud/src/environment/serve.ts';
import { Runtime } from '../packages/hud/src/runtime/provider.ts';
import { simEnvironment } from './environment.ts';
import type { Stage } from './stage.ts';

/** Longest that a server takes to stop, whatever its tasks do, in milliseconds. */
const STOP_MS = 30_000;

/** Settles when it serves; from then on {@link Stage.served} says where. */
export async function startServer(stage: Stage): Promise<{ stop: () => Promise<void> }> {
  const { world, network } = stage;
  const process = world.spawn('server');
  const system = stage.hostOf(process);
  const secret = system.randomHex(32);
  const { promise, resolve, reject } = Promise.withResolvers<BoundServer>();
  const parkingSeconds = process.random.pick([1, 20, 43_200]);
  const maxParked = process.random.pick([1, 3, 1_000]);
  world.schedule(0, process, 'begins', () => {
    bind(simEnvironment(stage, process), { system, secret, requireSecret: true, parkingSeconds, maxParked }).then(resolve, reject);
  });
  const server = await promise;
  process.secret = secret;
  process.ports.add(server.port);
  stage.served = new Runtime(server.url, { secret });
  const stop = async (): Promise<void> => {
    process.resume();
    const stopped = Promise.withResolvers<void>();
    const late = world.schedule(STOP_MS, undefined, 'patience ends', () => world.fail('hang', 'the server does not stop'));
    world.schedule(0, process, 'gets TERM', () => void server.close().then(stopped.resolve));
    await stopped.promise;
    late.isCancelled = true;
    if (process.tasks.size > 0) world.fail('orphan', `the server stopped, and ${process.tasks.size} of its tasks never ended`);
    if (process.sockets.size > 0) world.fail('orphan', `the server stopped with ${process.sockets.size} connections open`);
    process.kill('exits');
    network.forget(server.port);
  };
  return { stop };
}
