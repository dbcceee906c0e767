/** Claude's own tool for commands, over a shell of the environment. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { textArgument, told } from './arguments.ts';
import { runShell } from './shell-output.ts';
import { textResult, type AgentTool } from './tool.ts';

/** Each call is a shell of its own: folder and variables do not carry over. */
export function claudeBash(ssh: SshClient, limitBytes?: number): AgentTool {
  return {
    name: 'bash',
    description: 'Runs a command in a fresh shell.',
    inputSchema: { type: 'object', properties: { command: { type: 'string' }, restart: { type: 'boolean' } } },
    native: { type: 'bash_20250124', name: 'bash' },
    capability: 'ssh',
    execute: async (args, { signal }) =>
      await told(async () => {
        if (args.restart === true) return textResult('Every command runs in a fresh shell: there is nothing to restart.');
        return await runShell(ssh, textArgument(args, 'command'), { signal, limitBytes });
      }),
  };
}
