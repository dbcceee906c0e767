import { defineCommand, type Command } from '../command.ts';
import type { Entries } from '../command-table.ts';
import { completionScript, SHELLS, type CommandWords } from '../completion-script.ts';
import { nearest } from '../../protocol/nearest.ts';
import { UsageError } from '../usage-error.ts';

export const completion = defineCommand({
  arguments: { '<shell>': SHELLS.join(', ') },
  options: {},
  notes: `bash: hud completion bash > ~/.local/share/bash-completion/completions/hud
zsh:  hud completion zsh > "\${fpath[1]}/_hud"
fish: hud completion fish > ~/.config/fish/completions/hud.fish`,
  run: async ({ args: [name = ''] }, { commands }) => {
    const shell = SHELLS.find((known) => known === name);
    if (shell === undefined) {
      const near = nearest(name, SHELLS);
      throw new UsageError(`There is no completion for '${name}'.`, {
        hint: near === undefined ? `Shells: ${SHELLS.join(', ')}.` : `Did you mean '${near}'?`,
      });
    }
    const script = completionScript(shell, await wordsOf([], commands));
    return { json: { shell, script }, text: () => [script] };
  },
});

async function wordsOf(path: readonly string[], entries: Entries): Promise<CommandWords[]> {
  const words: CommandWords[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const inner = [...path, name];
    const command = await entry.load?.();
    words.push({
      path: inner,
      summary: entry.summary,
      flags: command === undefined ? [] : flagsOf(command),
      isGroup: entry.commands !== undefined,
    });
    if (entry.commands !== undefined) words.push(...(await wordsOf(inner, entry.commands)));
  }
  return words;
}

function flagsOf(command: Command): CommandWords['flags'] {
  const own = Object.values(command.options).flatMap(({ flags, help }) =>
    [...flags.matchAll(/--[\w-]+/g)].map(([flag]) => ({ flag, help })),
  );
  return [
    ...own,
    { flag: '--json', help: 'print one JSON document' },
    { flag: '--no-color', help: 'no colours' },
    { flag: '--help', help: 'show help' },
  ];
}
