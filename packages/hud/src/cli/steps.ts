/** Steps of a run as text: in full for `hud trace`, one line each while a run is watched. */
import { isPlainObject, stringifyJson } from '../protocol/json.ts';
import type { ContentBlock, Step, ToolStep } from '../protocol/trace.ts';
import { readReference } from '../store/index.ts';
import { literal, literalLine } from './terminal/literal.ts';
import type { Terminal } from './terminal/terminal.ts';
import { truncate } from './terminal/width.ts';
import { plural, reward } from './terminal/wording.ts';

type AgentStep = Extract<Step, { source: 'agent' }>;

/** Everything that the step says, word by word. `turn` counts the agent's steps from 1. */
export function stepText(step: Step, turn: number, terminal: Terminal): string[] {
  const { dim, red } = terminal;
  const lines = bodyOf(step, turn, terminal);
  const { taskCall } = step;
  if (taskCall?.phase === 'setup')
    lines.unshift(
      rule('setup', terminal),
      ...indented(`${taskCall.name} ${compact(taskCall.arguments ?? {})}`).map(dim),
      ...isolationLines(step.extra?.isolation).map(dim),
    );
  if (taskCall?.phase === 'evaluate') lines.unshift(rule('grade', terminal), ...gradeLines(taskCall.result, terminal));
  return step.error === undefined ? lines : [...lines, ...indented(step.error, '').map(red)];
}

/** How far each shell was closed off: `shell: bwrap, seccomp, network none`. */
function isolationLines(levels: unknown): string[] {
  if (!isPlainObject(levels)) return [];
  return Object.entries(levels).flatMap(([name, level]) => {
    if (!isPlainObject(level)) return [];
    const walls = level.isolation === 'none' ? 'no isolation' : String(level.isolation);
    const network = level.network === undefined ? [] : [`network ${String(level.network)}`];
    return indented(literalLine(`${name}: ${[walls, ...(level.seccomp === true ? ['seccomp'] : []), ...network].join(', ')}`));
  });
}

/** The step on one line, at most as wide as the terminal; undefined when it says nothing new. */
export function stepSummary(step: Step, turn: number, terminal: Terminal): string | undefined {
  const fit = (text: string): string => truncate(literalLine(text), terminal.isTTY ? terminal.columns - 1 : 2_000);
  if (step.error !== undefined) return terminal.red(fit(step.error));
  if (step.source === 'agent') return fit(`step ${turn}: ${agentSummary(step)}`);
  if (step.source === 'tool' && isToolStep(step))
    return terminal.dim(fit(`  ${step.result.isError ? 'failed: ' : ''}${blocksText(step.result.content ?? [])}`));
  if (step.taskCall?.phase === 'setup') return terminal.dim(fit(`started ${step.taskCall.name} ${compact(step.taskCall.arguments ?? {})}`));
  if (step.source === 'user') return fit(`prompt: ${blocksText((step.messages ?? []).map((message) => message.content))}`);
  return undefined;
}

function agentSummary(step: AgentStep): string {
  const calls = (step.toolCalls ?? []).map((call) => call.name).join(', ');
  const said = step.content ?? '';
  return calls === '' ? said || '(said nothing)' : `→ ${calls}${said === '' ? '' : `  ${said}`}`;
}

function bodyOf(step: Step, turn: number, terminal: Terminal): string[] {
  if (step.source === 'agent') return agentLines(step, turn, terminal);
  if (isToolStep(step)) return toolLines(step, terminal);
  if (step.source === 'subagent') return [rule('subagent', terminal), ...indented(compact('subagent' in step ? step.subagent : {}))];
  const text = blocksText(
    (step.messages ?? []).map((message) => message.content),
    '\n\n',
  );
  return text === '' ? [] : [rule(step.source === 'user' ? 'prompt' : step.source, terminal), ...indented(text, '')];
}

function agentLines(step: AgentStep, turn: number, terminal: Terminal): string[] {
  const lines = [rule(`turn ${turn}${step.model === undefined ? '' : ` — ${step.model}`}`, terminal)];
  if (step.reasoning) lines.push(...indented(step.reasoning, '').map(terminal.dim));
  if (step.content) lines.push(...indented(step.content, ''));
  if (step.refusal) lines.push(...indented(`refused: ${step.refusal}`, '').map(terminal.red));
  for (const call of step.toolCalls ?? []) {
    const args = typeof call.arguments === 'string' ? call.arguments : compact(call.arguments);
    lines.push(...indented(`→ ${call.name}(${args})`, ''));
  }
  return lines;
}

function toolLines({ call, result }: ToolStep, terminal: Terminal): string[] {
  const lines = indented(blocksText(result.content ?? [], '\n'));
  const shown = lines.length > 0 ? lines : ['  (no output)'];
  if (result.isError) return [terminal.red(`  ${literalLine(call.name)} failed:`), ...shown.map(terminal.red)];
  return shown;
}

function gradeLines(frame: unknown, { bold, dim }: Terminal): string[] {
  const score = typeof frame === 'object' && frame !== null && 'score' in frame ? frame.score : undefined;
  if (typeof score !== 'number') return indented(compact(frame));
  const { score: _score, ...details } = frame as Record<string, unknown>;
  const rest = Object.keys(details).length === 0 ? [] : indented(stringifyJson(details, 2)).map(dim);
  return [bold(`reward ${reward(score)}`), ...rest];
}

function isToolStep(step: Step): step is Extract<Step, { source: 'tool' }> {
  return step.source === 'tool' && 'result' in step;
}

function rule(title: string, { bold, dim }: Terminal): string {
  return `${dim('──')} ${bold(literalLine(title))}`;
}

function indented(text: string, indent = '  '): string[] {
  const trimmed = literal(text).replace(/\n+$/, '');
  return trimmed === '' ? [] : trimmed.split('\n').map((line) => indent + line);
}

function blocksText(blocks: readonly ContentBlock[], separator = ' '): string {
  return blocks
    .map((block) => block.text ?? describe(block))
    .filter((part) => part !== '')
    .join(separator);
}

function describe(block: ContentBlock): string {
  if (block.type === 'text') return '';
  const bytes = block.data === undefined ? undefined : (readReference(block.data)?.bytes ?? Math.floor((block.data.length * 3) / 4));
  return `[${[block.type, block.mimeType, bytes === undefined ? undefined : plural(bytes, 'byte')].filter((part) => part !== undefined).join(', ')}]`;
}

function compact(value: unknown): string {
  return stringifyJson(value ?? null);
}
