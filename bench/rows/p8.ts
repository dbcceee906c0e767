/** P8: what a command costs over SSH in a sandbox that is there. */
import { startWorker } from '../child.ts';
import { oursAtLeast, oursAtMost, ratioAtMost, type Contest, type Row } from '../contract.ts';
import { sidesWith } from '../sides.ts';
import { openFolder, openSshCommands, originalCommands, ourCommands } from '../workspaces.ts';

const AT_ONCE = 40;
const OPENSSH = "our client on OpenSSH's server, which puts each command in bwrap by itself";

export const p8: Row = { id: 'P8', title: '`true` over SSH', contests: [serial(), beside(), sideBySide()] };

function serial(): Contest {
  return {
    what: 'commands one after another on one connection',
    reference: OPENSSH,
    measures: [
      { figure: 'p50', unit: 'ms', goal: oursAtMost(4) },
      { figure: 'p99', unit: 'ms', goal: oursAtMost(8) },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const request = { what: 'exec', n: context.isQuick ? 100 : 500 } as const;
        return {
          ours: await ourCommands(context, stack, request),
          reference: await openSshCommands(context, stack, { ...request, n: request.n / 5 }, { isSandboxed: true }),
          original: await originalCommands(context, stack, { ...request, n: 100 }),
        };
      }),
  };
}

/** Every command of a workspace is a login shell, as agents expect. */
function beside(): Contest {
  return {
    what: 'commands one after another on one connection',
    reference: 'bare `bash -lc true`, started by Node',
    measures: [{ figure: 'p50', unit: 'ms', goal: ratioAtMost(1.4) }],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const n = context.isQuick ? 100 : 500;
        const bare = stack.use(await startWorker('login-shells.ts', context, { args: [await openFolder(stack)] }));
        return { ours: await ourCommands(context, stack, { what: 'exec', n }), reference: async () => await bare.sample({ n }) };
      }),
  };
}

function sideBySide(): Contest {
  return {
    what: `${AT_ONCE} commands at once on one connection`,
    reference: OPENSSH,
    measures: [
      { figure: 'rate', unit: 'commands/s', goal: oursAtLeast(800) },
      { figure: 'p50', unit: 'ms' },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const request = { what: 'exec', atOnce: AT_ONCE, n: context.isQuick ? 400 : 2_000 } as const;
        return {
          ours: await ourCommands(context, stack, request),
          reference: await openSshCommands(context, stack, { ...request, n: request.n / 5 }, { isSandboxed: true }),
          original: await originalCommands(context, stack, { ...request, n: 80 }),
        };
      }),
  };
}
