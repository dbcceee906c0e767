/** What a model behind chat completions is offered over shell and screen: functions all of them. */
import type { ToolAgentConfig } from '../config.ts';
import { chatComputer } from './chat-computer.ts';
import { chatFileTools } from './chat-files.ts';
import { chatApplyPatch } from './chat-patch.ts';
import { chatBash } from './chat-shell.ts';
import { matchesModel } from './model-globs.ts';
import type { Reach } from './reach.ts';
import { screenView } from './screen-view.ts';
import type { AgentTool } from './tool.ts';

/** Taught to write patches; others edit better with exact replacements. */
const PATCHING = ['*gpt-5*', '*gpt-4.1*', '*gpt-oss*', '*codex*'];

export function chatTools({ model, ssh, screen }: Reach, { outputLimitBytes, computer }: ToolAgentConfig): AgentTool[] {
  return [
    ...(ssh === undefined ? [] : [chatBash(ssh, outputLimitBytes), ...chatFileTools(ssh, outputLimitBytes)]),
    ...(ssh !== undefined && matchesModel(model, PATCHING) ? [chatApplyPatch(ssh)] : []),
    ...(screen === undefined ? [] : [chatComputer(screenView(screen, computer))]),
  ];
}
