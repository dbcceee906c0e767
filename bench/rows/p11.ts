/** P11: a capability's bytes through the control port beside the same bytes without it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../../interop/children.ts';
import { startWorker } from '../child.ts';
import { oursAtMost, ratioAtLeast, type Contest, type Context, type Measure, type Row, type Side, type Sides } from '../contract.ts';
import { freePort } from '../free-port.ts';
import { originalPackage } from '../original.ts';
import { sidesWith } from '../sides.ts';

const pythonEnv = join(import.meta.dirname, '../workers/python/tunnel_env.py');
const SOCAT_MS = 5_000;
const STREAMS = 1_000;
const RATE: Measure = { figure: 'rate', unit: 'MiB/s' };

interface Kind {
  what: 'down' | 'up' | 'echo' | 'many';
  measures: readonly Measure[];
  beside: 'raw' | 'socat';
}

const SAID: Record<Kind['what'], string> = {
  down: 'one stream, received',
  up: 'one stream, sent',
  echo: '100 bytes there and back, one at a time',
  many: `${STREAMS.toLocaleString('en')} streams at once, received`,
};

export const p11: Row = {
  id: 'P11',
  title: 'capability streams',
  contests: [
    contest({ what: 'down', measures: [{ ...RATE, goal: ratioAtLeast(0.5) }], beside: 'raw' }),
    contest({ what: 'up', measures: [{ ...RATE, goal: ratioAtLeast(0.5) }], beside: 'raw' }),
    contest({ what: 'down', measures: [RATE], beside: 'socat' }),
    contest({
      what: 'echo',
      measures: [
        { figure: 'added', unit: 'µs more than straight, of 100 bytes there and back', goal: oursAtMost(60) },
        { figure: 'p99', unit: 'µs' },
      ],
      beside: 'socat',
    }),
    contest({ what: 'many', measures: [{ figure: 'spread', unit: 'most : least bytes', goal: oursAtMost(2) }, RATE], beside: 'raw' }),
  ],
};

function contest({ what, measures, beside }: Kind): Contest {
  return {
    what: `${SAID[what]}, by a tunnel of the control port; environment and far end in processes of their own`,
    reference: beside === 'raw' ? 'raw TCP to the same far end' : 'socat in between as a relay',
    measures,
    open: async (context) => await open(context, { what, beside }),
  };
}

async function open(context: Context, { what, beside }: Pick<Kind, 'what' | 'beside'>): Promise<Sides> {
  return await sidesWith(async (stack) => {
    const request = {
      what,
      seconds: context.isQuick && what !== 'many' ? 1 : 4,
      n: what === 'many' ? STREAMS : context.isQuick ? 1_000 : 4_000,
    };
    const far = stack.use(await startWorker('stream-ends.ts', context, { role: 'server' }));
    const port = Number(far.ready.port);
    const by = async (way: string): Promise<Side> => {
      const driver = stack.use(await startWorker('streams.ts', context, { args: [String(port), way] }));
      return async () => await driver.sample(request);
    };
    const env = stack.use(await startWorker('tunnel-env.ts', context, { role: 'server', args: [String(port)] }));
    return {
      ours: await by(String(env.ready.url)),
      reference: await by(String(beside === 'raw' ? port : await startSocat(context, stack, port))),
      original: beside === 'raw' && what === 'up' ? { absent: 'as down' } : await original(context, stack, port, by),
    };
  });
}

/** Its environment, our driver: the two speak the same protocol. */
async function original(
  { isPinned }: Context,
  stack: AsyncDisposableStack,
  port: number,
  by: (way: string) => Promise<Side>,
): Promise<NonNullable<Sides['original']>> {
  const python = await originalPackage();
  if ('absent' in python) return python;
  const line = [python.command, '-m', 'hud.environment.server', pythonEnv, '--env', 'tunnel'];
  const [program = '', ...args] = isPinned ? ['taskset', '-c', '0', ...line] : line;
  try {
    const server = stack.use(await serve(program, args, { env: { ...python.env, BENCH_STREAM_PORT: String(port) } }));
    return await by(server.url);
  } catch (error) {
    return { absent: String(error).split('\n')[0] ?? '' };
  }
}

async function startSocat({ isPinned }: Context, stack: AsyncDisposableStack, far: number): Promise<number> {
  const port = await freePort();
  const line = ['socat', '-b', '262144', `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay`, `TCP:127.0.0.1:${far},nodelay`];
  const [program = '', ...args] = isPinned ? ['taskset', '-c', '0', ...line] : line;
  const child = spawn(program, args, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await gone;
  });
  process.on('exit', () => child.kill('SIGKILL'));
  for (let waitedMs = 0; waitedMs < SOCAT_MS; waitedMs += 20) {
    if (await accepts(port)) return port;
    await sleep(20);
  }
  throw new Error('socat did not listen; is it installed?');
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const isUp = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isUp;
}
