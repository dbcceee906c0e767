/** Completion scripts that need no `hud` process to answer: the words are written into them. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export interface CommandWords {
  /** `['task', 'list']` */
  path: readonly string[];
  summary: string;
  flags: readonly { flag: string; help: string }[];
  isGroup: boolean;
}

export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** Of a command line, its first words up to the deepest command decide what comes next; the rest are files. */
function bash(commands: readonly CommandWords[]): string {
  const cases = [
    `    '') words=${quote(
      childrenOf(commands, [])
        .map(({ name }) => name)
        .join(' '),
    )} ;;`,
    ...commands.map((command) => {
      const words = command.isGroup ? childrenOf(commands, command.path).map(({ name }) => name) : command.flags.map(({ flag }) => flag);
      return `    ${quote(command.path.join(' '))}) words=${quote(words.join(' '))} ;;`;
    }),
  ];
  return `# bash completion of hud
_hud() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      -*) continue ;;
    esac
    case "\${command:+$command }$word" in
      ${commands.map((command) => quote(command.path.join(' '))).join('|')}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=()
  if [[ "$command" == '' || "$current" == -* || " ${groupNames(commands).join(' ')} " == *" $command "* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o bashdefault -o default -F _hud hud
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const described = (items: readonly { name: string; help: string }[]): string =>
    items.map(({ name, help }) => `        ${quote(`${name}:${help.replaceAll(':', '\\:')}`)}`).join('\n');
  const cases = commands.map((command) => {
    const items = command.isGroup ? childrenOf(commands, command.path) : command.flags.map(({ flag, help }) => ({ name: flag, help }));
    return `    ${quote(command.path.join(' '))})\n      items=(\n${described(items)}\n      ) ;;`;
  });
  return `#compdef hud
_hud() {
  local -a items
  local command='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$word" == -* ]] && continue
    case "\${command:+$command }$word" in
      ${commands.map((command) => quote(command.path.join(' '))).join('|')}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
    '')
      items=(
${described(childrenOf(commands, []))}
      ) ;;
${cases.join('\n')}
  esac
  if [[ "$command" == '' || "$PREFIX" == -* || " ${groupNames(commands).join(' ')} " == *" $command "* ]]; then
    _describe hud items
  else
    _files
  fi
}
if [[ "$funcstack[1]" == _hud ]]; then _hud "$@"; else compdef _hud hud; fi
`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap((command) => {
    const parent = command.path.slice(0, -1);
    const name = command.path.at(-1) ?? '';
    const under = `complete -c hud -n ${quote(`__hud_at ${parent.join(' ')}`.trim())} -f -a ${quote(name)} -d ${quote(command.summary)}`;
    const flags = command.flags.map(
      ({ flag, help }) => `complete -c hud -n ${quote(`__hud_at ${command.path.join(' ')}`)} -l ${flag.slice(2)} -d ${quote(help)}`,
    );
    return [under, ...flags];
  });
  return `# fish completion of hud
set -g __hud_commands ${commands.map((command) => quote(command.path.join(' '))).join(' ')}
function __hud_at
  set -l found
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    contains -- (string join ' ' $found $word) $__hud_commands; and set -a found $word
  end
  test "$found" = "$argv"
end
${lines.join('\n')}
`;
}

function childrenOf(commands: readonly CommandWords[], path: readonly string[]): { name: string; help: string }[] {
  return commands
    .filter((command) => command.path.length === path.length + 1 && path.every((word, i) => command.path[i] === word))
    .map((command) => ({ name: command.path.at(-1) ?? '', help: command.summary }));
}

function groupNames(commands: readonly CommandWords[]): string[] {
  return commands.filter((command) => command.isGroup).map((command) => command.path.join(' '));
}

/** For all three shells: single quotes, with those inside written `'\''`. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
