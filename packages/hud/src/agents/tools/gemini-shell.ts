/** The function `run_shell_command`, as Gemini knows it. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { optionalText, textArgument } from './arguments.ts';
import { fileTool } from './file-tool.ts';
import { runShell } from './shell-output.ts';
import type { AgentTool } from './tool.ts';

export function geminiShell(ssh: SshClient, limitBytes?: number): AgentTool {
  return fileTool(
    ssh,
    {
      name: 'run_shell_command',
      description: 'Runs a shell command. Each call is a fresh shell: a change of folder or of variables does not last.',
      properties: {
        command: { type: 'string', description: 'The command.' },
        description: { type: 'string', description: 'What it is for, in a few words.' },
        dir_path: { type: 'string', description: 'Folder to run it in. Without it, the working directory.' },
      },
      required: ['command'],
      run: async (args, { signal, limitBytes: limit }) =>
        await runShell(ssh, textArgument(args, 'command'), { signal, limitBytes: limit, cwd: optionalText(args, 'dir_path') || undefined }),
    },
    limitBytes,
  );
}
