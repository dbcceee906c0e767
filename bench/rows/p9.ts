/** P9: how many bytes a second a command's output and input carry. */
import { oursAtLeast, ratioAtLeast, type Contest, type Measure, type Row } from '../contract.ts';
import { sidesWith } from '../sides.ts';
import { openSshAlone, openSshCommands, originalCommands, ourCommands } from '../workspaces.ts';

const MIB = 256;
const QUICK_MIB = 64;

/** The goal is met by either of the two: as many as 300, or as many as 0.6 of OpenSSH's in the same run. */
export const p9: Row = {
  id: 'P9',
  title: 'throughput over SSH',
  contests: [moving('down', 'openssh'), moving('up', 'openssh'), moving('down', 'ours'), moving('up', 'ours')],
};

/** @param client whose is at the other end of OpenSSH's server */
function moving(what: 'down' | 'up', client: 'openssh' | 'ours'): Contest {
  const rate: Measure = { figure: 'rate', unit: 'MiB/s' };
  return {
    what: `${what === 'down' ? `\`head -c ${MIB}M /dev/zero\`, its output` : `${MIB} MiB into \`wc -c\``}, our server and our client`,
    reference: client === 'openssh' ? "the same, OpenSSH's server and client" : "the same, OpenSSH's server and our client",
    measures: [
      { ...rate, goal: oursAtLeast(300) },
      { ...rate, goal: ratioAtLeast(0.6) },
    ],
    open: async (context) =>
      await sidesWith(async (stack) => {
        const request = { what, mib: context.isQuick ? QUICK_MIB : MIB };
        return {
          ours: await ourCommands(context, stack, request),
          reference: client === 'openssh' ? await openSshAlone(context, stack, request) : await openSshCommands(context, stack, request),
          ...(client === 'openssh' ? { original: await originalCommands(context, stack, { what, mib: QUICK_MIB }) } : {}),
        };
      }),
  };
}
