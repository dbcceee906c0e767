/** The function `bash` for models behind chat completions. */
import { shellQuote, type SshClient } from '../../capabilities/ssh.ts';
import { textArgument } from './arguments.ts';
import { countOf, fileTool, pathOf } from './file-tool.ts';
import { runShell } from './shell-output.ts';
import type { AgentTool } from './tool.ts';

export function chatBash(ssh: SshClient, limitBytes?: number): AgentTool {
  return fileTool(
    ssh,
    {
      name: 'bash',
      description: 'Runs a shell command. Each call is a fresh shell: a change of folder or of variables does not last.',
      properties: {
        command: { type: 'string', description: 'The command.' },
        timeout: { type: 'integer', description: 'End it after so many milliseconds, rounded up to whole seconds.', minimum: 1 },
        workdir: { type: 'string', description: 'Folder to run it in.' },
      },
      required: ['command'],
      run: async (args, context) => {
        const command = textArgument(args, 'command');
        const limited = withTimeout(command, countOf(args, 'timeout'));
        const inFolder =
          args.workdir === undefined || args.workdir === null ? limited : `cd -- ${shellQuote(pathOf(args, 'workdir'))} && ${limited}`;
        return await runShell(ssh, inFolder, { signal: context.signal, limitBytes: context.limitBytes, shown: command });
      },
    },
    limitBytes,
  );
}

/** `timeout 2s bash -lc '…'` for 1,500 ms; it ends with 124 then. */
function withTimeout(command: string, timeoutMs: number | undefined): string {
  if (timeoutMs === undefined || timeoutMs === 0) return command;
  return `timeout ${Math.ceil(timeoutMs / 1000)}s bash -lc ${shellQuote(command)}`;
}
