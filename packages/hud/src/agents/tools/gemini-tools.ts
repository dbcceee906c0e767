/** What a Gemini model is offered over shell and screen. */
import type { GeminiConfig } from '../gemini.ts';
import { geminiComputer } from './gemini-computer.ts';
import { geminiFileTools } from './gemini-files.ts';
import { geminiShell } from './gemini-shell.ts';
import { matchesModel } from './model-globs.ts';
import type { Reach } from './reach.ts';
import { screenView } from './screen-view.ts';
import type { AgentTool } from './tool.ts';

/** Models that were taught to use a screen, and their siblings for other ends. */
const WITH_COMPUTER = ['gemini-2.5-computer-use*', '*/gemini-2.5-computer-use*', 'gemini-3*', '*/gemini-3*'];
const WITHOUT_COMPUTER = ['*image*', '*tts*', '*live*', '*audio*', '*embedding*'];

export function geminiTools({ model, ssh, screen }: Reach, config: GeminiConfig): AgentTool[] {
  const { outputLimitBytes, computer, computerEnvironment: environment, excludedPredefinedFunctions: excluded } = config;
  return [
    ...(ssh === undefined ? [] : [geminiShell(ssh, outputLimitBytes), ...geminiFileTools(ssh, outputLimitBytes)]),
    ...(screen !== undefined && usesComputer(model) ? [geminiComputer(screenView(screen, computer), { environment, excluded })] : []),
  ];
}

function usesComputer(model: string): boolean {
  return matchesModel(model, WITH_COMPUTER) && !matchesModel(model, WITHOUT_COMPUTER);
}
