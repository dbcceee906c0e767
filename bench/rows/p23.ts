/** P23: what the training service takes besides the computing. */
import { startWorker, type Worker } from '../child.ts';
import { oursAtMost, type Contest, type Figures, type Measure, type Row, type Side } from '../contract.ts';
import { sidesWith } from '../sides.ts';

const [TRAJECTORIES, TOKENS] = [256, 32_768];
const QUICK_TOKENS = 2_048;
/** Trajectories of a step of the example. */
const EXAMPLE = 64;
/** A large model's step on such a batch takes longer. */
const COMPUTE_MS = 10_000;
const SEND_MS = { readyMs: 180_000 };

type Form = 'json' | 'gzip' | 'packed' | 'client';

const FORMS: Record<Form, { as: string; floor: string }> = {
  json: { as: 'lists of JSON', floor: 'the same bytes to bare Node, collected and parsed' },
  gzip: { as: 'gzipped lists of JSON', floor: 'the same bytes to bare Node, collected, inflated and parsed' },
  packed: { as: 'the packed form', floor: 'the same bytes to bare Node, counted' },
  client: { as: "the training client's call, from its lists", floor: 'lists of JSON to bare Node, collected and parsed' },
};

export const p23: Row = {
  id: 'P23',
  title: 'the training service',
  contests: [example(), accepted('json'), accepted('gzip'), accepted('packed'), accepted('client'), around()],
};

function example(): Contest {
  return {
    what: `a step of the local engine on ${EXAMPLE} trajectories: time outside of the engine's calls as a share; then a sample of the new weights`,
    reference: 'the same again',
    measures: [
      { figure: 'share', unit: 'of the step outside of the engine', goal: oursAtMost(0.03) },
      { figure: 'outsideMs', unit: 'ms of the step outside of the engine' },
      { figure: 'sampledMs', unit: 'ms from the commit to a sampled reply', goal: oursAtMost(1_000) },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const folder = await context.scratch.folder('p23-example');
        const steps = stack.use(await startWorker('training-steps.ts', context, { args: [folder, String(EXAMPLE)], ...SEND_MS }));
        const side: Side = async () => await steps.sample();
        return { ours: side, reference: side };
      }),
  };
}

function accepted(form: Form): Contest {
  const tokens = TOKENS.toLocaleString('en');
  const measures: Measure[] = [
    { figure: 'ms', unit: 'ms from the first byte until the data reach the engine', goal: oursAtMost(1_000) },
    { figure: 'cpuMs', unit: 'ms of processor time, until it is answered' },
    { figure: 'blockMs', unit: 'ms the loop was held up at most' },
    { figure: 'rssMiB', unit: 'MiB of the process at most' },
  ];
  return {
    what: `${TRAJECTORIES} × ${tokens} tokens with log-probabilities as ${FORMS[form].as}: read, checked, recorded, made into data`,
    reference: FORMS[form].floor,
    measures:
      form === 'client'
        ? measures.map((one) => (one.figure === 'ms' ? { ...one, unit: `${one.unit}, making the body included` } : one))
        : measures,
    maxBlocks: 5,
    open: async (context) =>
      await sidesWith(async (stack) => {
        const folder = await context.scratch.folder(`p23-${form}`);
        const server = stack.use(await startWorker('training-service.ts', context, { args: [folder], role: 'server' }));
        const floor = stack.use(await startWorker('training-floor.ts', context, { role: 'server' }));
        const size = [String(TRAJECTORIES), String(context.isQuick ? QUICK_TOKENS : TOKENS)];
        const sender = stack.use(await startWorker('training-sender.ts', context, { args: [form, ...size], ...SEND_MS }));
        const plain =
          form === 'client' ? stack.use(await startWorker('training-sender.ts', context, { args: ['json', ...size], ...SEND_MS })) : sender;
        return { ours: async () => await taken(server, sender), reference: async () => await counted(floor, plain) };
      }),
  };
}

function around(): Contest {
  return {
    what: `a pass over ${TRAJECTORIES} × ${TOKENS.toLocaleString('en')} packed tokens that computes for ${COMPUTE_MS / 1000} s: time besides as a share`,
    reference: 'the same as lists of JSON',
    measures: [{ figure: 'share', unit: 'of the pass outside of the engine' }],
    maxBlocks: 3,
    open: async (context) =>
      await sidesWith(async (stack) => {
        const folder = await context.scratch.folder('p23-around');
        const server = stack.use(await startWorker('training-service.ts', context, { args: [folder], role: 'server' }));
        const size = [String(TRAJECTORIES), String(context.isQuick ? QUICK_TOKENS : TOKENS)];
        const computeMs = context.isQuick ? COMPUTE_MS / 10 : COMPUTE_MS;
        const share = async (form: Form): Promise<Side> => {
          const sender = stack.use(await startWorker('training-sender.ts', context, { args: [form, ...size], ...SEND_MS }));
          return async () => {
            await server.sample({ computeMs });
            const { answeredMs = Number.NaN } = await sender.sample(server.ready);
            return { share: (answeredMs - computeMs) / answeredMs };
          };
        };
        return { ours: await share('packed'), reference: await share('json') };
      }),
  };
}

async function taken(server: Worker, sender: Worker): Promise<Figures> {
  await server.sample({ computeMs: 0 });
  const cpuMs = server.cpuMs();
  const { begunMs = Number.NaN } = await sender.sample(server.ready);
  const { atMs = Number.NaN, data = 0, blockMs = Number.NaN, rssMiB = Number.NaN } = await server.sample();
  if (data !== TRAJECTORIES || atMs < begunMs) throw new Error(`${data} of ${TRAJECTORIES} trajectories reached the engine.`);
  return { ms: atMs - begunMs, cpuMs: server.cpuMs() - cpuMs, blockMs, rssMiB };
}

async function counted(floor: Worker, sender: Worker): Promise<Figures> {
  await floor.sample();
  const cpuMs = floor.cpuMs();
  const { begunMs = Number.NaN } = await sender.sample({ url: floor.ready.url });
  const { atMs = Number.NaN, blockMs = Number.NaN, rssMiB = Number.NaN } = await floor.sample();
  return { ms: atMs - begunMs, cpuMs: floor.cpuMs() - cpuMs, blockMs, rssMiB };
}
