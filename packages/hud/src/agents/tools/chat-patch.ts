/** The function `apply_patch`, for models that were taught to write V4A patches. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { applyPatch } from './apply-patch.ts';
import { parsePatch } from './apply-patch-parse.ts';
import { textArgument } from './arguments.ts';
import { fileTool } from './file-tool.ts';
import type { AgentTool } from './tool.ts';

const DESCRIPTION = `Changes several files at once, or none when the patch does not fit. The patch is text of this form:
*** Begin Patch
*** Add File: path
+line
*** Update File: path
@@ line that the change is below
 line before
-old line
+new line
*** Delete File: path
*** End Patch`;

export function chatApplyPatch(ssh: SshClient): AgentTool {
  return fileTool(ssh, {
    name: 'apply_patch',
    description: DESCRIPTION,
    properties: { patch: { type: 'string', description: 'The whole patch, from *** Begin Patch to *** End Patch.' } },
    required: ['patch'],
    run: async (args, { signal }) => await applyPatch(ssh, parsePatch(textArgument(args, 'patch')), { signal }),
  });
}
