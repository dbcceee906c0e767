/** OpenAI's own tool for edits: one file a call, as a V4A diff. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { applyPatch } from './apply-patch.ts';
import { parseOperation, type FileChange } from './apply-patch-parse.ts';
import { textArgument, told } from './arguments.ts';
import { textResult, type AgentTool } from './tool.ts';

export function openaiApplyPatch(ssh: SshClient): AgentTool {
  return {
    name: 'apply_patch',
    description: 'Creates, updates or deletes a file.',
    inputSchema: {
      type: 'object',
      properties: {
        type: { type: 'string', enum: ['create_file', 'update_file', 'delete_file'] },
        path: { type: 'string' },
        diff: { type: 'string' },
      },
      required: ['type', 'path'],
    },
    native: { type: 'apply_patch' },
    capability: 'ssh',
    execute: async (args, { signal }) => await told(async () => textResult(await applyPatch(ssh, [changeOf(args)], { signal }))),
  };
}

function changeOf(args: JsonObject): FileChange {
  const path = textArgument(args, 'path');
  const { type } = args;
  if (type === 'delete_file') return { kind: 'delete', path };
  if (type === 'create_file') return parseOperation('add', path, textArgument(args, 'diff'));
  if (type === 'update_file') return parseOperation('update', path, textArgument(args, 'diff'));
  throw new HudError('BAD_ARGUMENT', `Unknown operation '${String(type)}': create_file, update_file or delete_file was expected.`);
}
