/** A model with a script for each task of the environments with hands, behind the vendors' own APIs. */
import { scriptedModel, type ModelRequest, type ModelServer, type ModelTurn } from '../packages/hud/src/testing/index.ts';

/** Serves until it is closed. */
export async function handsModel(): Promise<ModelServer> {
  return await scriptedModel(nextTurn);
}

/** What was asked is read from the first message, how far it got from the number of turns since. */
function nextTurn({ messages, tools }: ModelRequest): ModelTurn {
  const task = messages.find(({ role }) => role === 'user')?.text ?? '';
  const turn = messages.filter(({ role }) => role === 'assistant').length;
  const script = scriptOf(task, tools);
  if (script === undefined) throw new Error(`no script for the task: ${task}`);
  return script[turn] ?? { text: 'Done.' };
}

/** Of several servers' tools the names have their server's before them. */
function scriptOf(task: string, tools: readonly string[]): ModelTurn[] | undefined {
  const [, word] = /^Write (\S+) into \S+result\.txt/.exec(task) ?? [];
  if (word !== undefined) {
    return [call('bash', { command: `printf '%s\\n' ${word} > result.txt; cat seed.txt` }), call('bash', { command: 'cat result.txt' })];
  }
  const [, note] = /^Keep the note (.*)/.exec(task) ?? [];
  if (note !== undefined) return [call(tools.find((name) => name.endsWith('add_note')) ?? 'add_note', { text: note })];
  const [, text] = /^Type (.*) into the left terminal/.exec(task) ?? [];
  if (text === undefined) return undefined;
  return [
    call('computer', { action: 'left_click', coordinate: [100, 100] }),
    call('computer', { action: 'type', text }),
    call('computer', { action: 'key', text: 'Return' }),
  ];
}

function call(name: string, args: Record<string, string | number[]>): ModelTurn {
  return { toolCalls: [{ name, arguments: args }] };
}
