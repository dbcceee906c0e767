/** Help that needs no parser: it is there before anything else is loaded. */
import { COMMANDS, type Entries, type Entry } from './command-table.ts';

const GLOBAL_FLAGS = ['--json', '--no-color'];

const PURPOSE = 'Declare environments for AI agents, run any agent on them, keep every trace.';

const QUICK_START = `Start here:
  hud init my-env && cd my-env
  hud eval tasks.ts oracle          the reference solution; needs no key
  hud set ANTHROPIC_API_KEY=…
  hud eval tasks.ts claude --all
`;

/** What to print when the words ask for help on hud itself or on a group of commands. */
export function groupHelp(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !GLOBAL_FLAGS.includes(word));
  const path: string[] = [];
  let isAsked = words[0] === 'help';
  let entry: Entry = { summary: PURPOSE, commands: COMMANDS };
  for (const word of words[0] === 'help' ? words.slice(1) : words) {
    if (isHelp(word)) {
      isAsked = true;
      break;
    }
    const next = entry.commands !== undefined && Object.hasOwn(entry.commands, word) ? entry.commands[word] : undefined;
    if (next === undefined) return undefined;
    path.push(word);
    entry = next;
  }
  if (entry.standard !== undefined && !isAsked) return undefined;
  return entry.commands === undefined ? undefined : helpText(path, entry.summary, entry.commands);
}

function isHelp(word: string): boolean {
  return word === '-h' || word === '--help';
}

function helpText(path: readonly string[], summary: string, commands: Entries): string {
  const name = ['hud', ...path].join(' ');
  const width = Math.max(...Object.keys(commands).map((command) => command.length)) + 2;
  return `Usage: ${name} <command> [options]

${summary}

Commands:
${Object.entries(commands)
  .map(([command, entry]) => `  ${command.padEnd(width)}${entry.summary}`)
  .join('\n')}

${path.length === 0 ? `${QUICK_START}\n` : ''}Every command takes --json (one JSON document on stdout), --no-color and --help.
${path.length === 0 ? '`hud --version` prints the version.\n' : ''}`;
}
