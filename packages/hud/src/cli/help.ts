/** Help and version that need no parser: they answer before anything else is loaded. */
import { COMMANDS, type Entry } from './command-table.ts';
import { packageVersion } from './package-origin.ts';

const GLOBAL_FLAGS = ['--json', '--no-color'];

const PURPOSE = 'Declare environments for AI agents, run any agent on them, keep every trace.';

const QUICK_START = `Start here:
  hud init my-env && cd my-env
  hud eval tasks.ts oracle          the reference solution; needs no key
  hud set ANTHROPIC_API_KEY=…
  hud eval tasks.ts claude --all
`;

/** What to print when the words ask for the version, or for help on hud itself or on a group of commands. */
export function quickAnswer(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !GLOBAL_FLAGS.includes(word));
  const [first] = words;
  if (first === '-V' || first === '--version') return argv.includes('--json') ? undefined : `${packageVersion()}\n`;
  const path: string[] = [];
  let entry: Entry = { summary: PURPOSE, commands: COMMANDS };
  for (const word of first === 'help' ? words.slice(1) : words) {
    if (isHelp(word)) break;
    const next = entry.commands !== undefined && Object.hasOwn(entry.commands, word) ? entry.commands[word] : undefined;
    if (next === undefined) return undefined;
    path.push(word);
    entry = next;
  }
  return entry.commands === undefined ? undefined : groupHelp(path, entry.summary, entry.commands);
}

export function isHelp(word: string): boolean {
  return word === '-h' || word === '--help';
}

function groupHelp(path: readonly string[], summary: string, commands: Readonly<Record<string, Entry>>): string {
  const name = ['hud', ...path].join(' ');
  const width = Math.max(...Object.keys(commands).map((command) => command.length)) + 2;
  return `Usage: ${name} <command> [options]

${summary}

Commands:
${Object.entries(commands).map(([command, entry]) => `  ${command.padEnd(width)}${entry.summary}`).join('\n')}

${path.length === 0 ? `${QUICK_START}\n` : ''}Every command takes --json (one JSON document on stdout), --no-color and --help.
${path.length === 0 ? '\`hud --version\` prints the version.\n' : ''}`;
}
