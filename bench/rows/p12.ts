/** P12: what a call of a model takes longer when it goes through the gateway. */
import { startWorker } from '../child.ts';
import { oursAtLeast, oursAtMost, type Contest, type Context, type Measure, type Row, type Side, type Sides } from '../contract.ts';
import { sidesWith } from '../sides.ts';

const UPSTREAM_MS = 20;
/** Open loop: about 16 calls of the server's 20 ms are under way at once. */
const PER_SECOND = 700;
const LANES = 32;

export const p12: Row = {
  id: 'P12',
  title: 'gateway, added latency',
  contests: [
    contest(
      'added',
      `a call through the gateway with key, budget and trace, beside the same call straight to a server that takes ${UPSTREAM_MS} ms; 16 at once`,
      [
        { figure: 'added', unit: 'ms more than straight, p50', goal: oursAtMost(0.35) },
        { figure: 'added99', unit: 'ms more than straight, p99', goal: oursAtMost(1) },
        { figure: 'p50', unit: 'ms' },
        { figure: 'cpu', unit: "µs of the gateway's processor time a call" },
      ],
    ),
    contest('rate', `calls through the gateway with key, budget and trace, ${LANES} at once, to a server that answers at once`, [
      { figure: 'rate', unit: 'calls/s', goal: oursAtLeast(5_000) },
      { figure: 'cpu', unit: "µs of the gateway's processor time a call" },
    ]),
  ],
};

function contest(kind: 'added' | 'rate', what: string, measures: readonly Measure[]): Contest {
  return {
    what,
    reference: "a bare proxy of Node's own HTTP, without key, budget or record",
    measures,
    open: async (context) => await open(context, kind),
  };
}

async function open(context: Context, kind: 'added' | 'rate'): Promise<Sides> {
  return await sidesWith(async (stack) => {
    const upstream = stack.use(await startWorker('model-upstream.ts', context, { args: [kind === 'added' ? String(UPSTREAM_MS) : '0'] }));
    const url = String(upstream.ready.url);
    const request =
      kind === 'added'
        ? { what: kind, n: context.isQuick ? 500 : 2_500, perSecond: PER_SECOND }
        : { what: kind, n: context.isQuick ? 2_000 : 20_000, lanes: LANES };
    const by = async (file: string): Promise<Side> => {
      const server = stack.use(await startWorker(file, context, { role: 'server', args: [url, context.scratch.path] }));
      const args = [`${url}/v1`, String(server.ready.url), String(server.ready.key)];
      const driver = stack.use(await startWorker('gateway-calls.ts', context, { args }));
      return async () => {
        const before = server.cpuMs();
        const figures = await driver.sample(request);
        return { ...figures, cpu: ((server.cpuMs() - before) * 1_000) / request.n };
      };
    };
    return { ours: await by('gateway.ts'), reference: await by('bare-proxy.ts') };
  });
}
