/** Command lines by the program's own table of commands and flags, with values that are right, odd and wrong. */
import { COMMANDS, type Entries } from '../../packages/hud/src/cli/command-table.ts';
import type { Random } from '../random.ts';
import { jsonParts } from '../target.ts';

const VALUES = [
  '0 1 -1 3 1.5 1e3 1e999 NaN Infinity 65536 9007199254740993 99999999999999999999 0x10 +2 １'.split(' '),
  'a=b =b a= a== __proto__=x KEY=value KEY="v" KEY=\'" claude.max_tokens=1 nobody.x=1 .=1 constructor=1'.split(' '),
  '{} {"n":1} [1] {"n": null "x" {"__proto__":{}} {"n":1e999}'.split(' '),
  'tasks.json tasks.jsonl tasks.csv broken.json settings.json nothing.json . .. tasks.json:name x.toml oracle nop claude'.split(' '),
  'ab00 ab000000000000000000000000000001 cd000000000000000000000000000001 cd00 CD00-0000 zz abc ffff'.split(' '),
  'bash zsh fish blank my-env local tcp://127.0.0.1:1 tcp:// http://x tcp://[::1]:99999 :0 tcp://user:pw@h:1'.split(' '),
  '- --- --= -x --nope --no-json constructor __proto__ toString % \' " a,b,,0 ,'.split(' '),
  ['', ' ', 'KEY=a\nb', '['.repeat(5_000), 'x'.repeat(10_000), '\x1b[31m', '\u202e', '\ufeff', '😀', 'e\u0301'],
].flat();

/** A command with words added, left out and misspelled; or a line of `pool` with such changes. */
export function commandLine(random: Random, pool: readonly Uint8Array[], flags: readonly string[]): string[] {
  const words = pool.length > 0 && random.chance(0.4) ? (jsonParts.split(random.pick(pool)) as string[]) : [...random.pick(commandPaths())];
  for (let times = random.small(6); times > 0; times--) {
    const at = random.chance(0.7) ? words.length : random.below(words.length + 1);
    words.splice(at, random.chance(0.15) ? 1 : 0, ...addition(random, flags));
  }
  if (random.chance(0.3)) words.splice(random.below(words.length + 1), 0, '--json');
  return words;
}

/** Every flag of every command, in all its spellings. */
export async function commandFlags(): Promise<string[]> {
  const found = new Set(['--json', '--no-color', '--help', '-h', '--version', '-V', '--']);
  for (const path of commandPaths()) {
    let entry = COMMANDS[path[0] ?? ''];
    for (const name of path.slice(1)) entry = entry?.commands?.[name];
    const command = await entry?.load?.();
    for (const { flags } of Object.values(command?.options ?? {})) for (const [flag] of flags.matchAll(/--?[\w-]+/g)) found.add(flag);
  }
  return [...found];
}

/** Every command's words, such as `task start`. */
function commandPaths(entries: Entries = COMMANDS, path: readonly string[] = []): string[][] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const inner = [...path, name];
    return entry.commands === undefined ? [inner] : [inner, ...commandPaths(entry.commands, inner)];
  });
}

function addition(random: Random, flags: readonly string[]): string[] {
  const kind = random.below(10);
  if (kind < 3) return [random.pick(VALUES)];
  if (kind < 6) return [random.pick(flags), random.pick(VALUES)];
  if (kind < 7) return [`${random.pick(flags)}=${random.pick(VALUES)}`];
  if (kind < 8) return [random.pick(flags)];
  const word = random.pick([...flags, ...commandPaths().flat(), 'help']);
  return [random.chance(0.5) ? word : slip(random, word)];
}

/** A slip of the finger. */
function slip(random: Random, word: string): string {
  const at = random.below(word.length + 1);
  return word.slice(0, at) + random.pick(['', word[at] ?? '', 'x', '-', '=', '\u00e9', ' ']) + word.slice(at + random.below(2));
}
