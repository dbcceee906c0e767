/** P4: what a small call on an open control connection costs beside the bytes themselves. */
import { startWorker } from '../child.ts';
import { ratioAtMost, oursAtMost, type Row } from '../contract.ts';
import { originalSide, serveOriginal } from '../original.ts';
import { sidesWith } from '../sides.ts';

export const p4: Row = {
  id: 'P4',
  title: 'round trip of a control call',
  contests: [
    {
      what: 'serial tasks.list of one template, 2,000 calls a sample; server in a process of its own',
      reference: 'raw TCP: as many bytes there and back, no parsing',
      warmUps: 2,
      measures: [
        { figure: 'p50', unit: 'µs', goal: ratioAtMost(1.6) },
        { figure: 'p99', unit: 'µs', goal: oursAtMost(300) },
      ],
      open: async (context) =>
        await sidesWith(async (stack) => {
          const n = context.isQuick ? 500 : 2_000;
          const server = stack.use(await startWorker('serve.ts', context, { role: 'server' }));
          const ours = stack.use(await startWorker('rtt.ts', context, { args: [String(server.ready.url)] }));
          const sizes = [String(ours.ready.requestBytes), String(ours.ready.replyBytes)];
          const echo = stack.use(await startWorker('echo-server.ts', context, { role: 'server', args: sizes }));
          const raw = stack.use(await startWorker('echo-client.ts', context, { args: [String(echo.ready.url), ...sizes] }));
          const original = await originalSide('rtt.py', context, stack, {
            args: async (python) => [await serveOriginal(python, context, stack)],
            request: { n: 500 },
          });
          return { ours: async () => await ours.sample({ n }), reference: async () => await raw.sample({ n }), original };
        }),
    },
  ],
};
