/**
 * The first process of a sandbox: a bash loop that forks each command, so that every command inherits the walls.
 * It hears of requests on descriptor 3 and tells on descriptor 4 what became of them, a line each.
 *
 * | heard | |
 * |---|---|
 * | `r <name>` | run the script `<name>` of the control folder in a process group of its own |
 * | `k <signal> <group>` | send a signal to a group |
 * | `j` | tell what ended; bash runs no trap while it waits for a line |
 *
 * | told | |
 * |---|---|
 * | `ready` | it listens |
 * | `p <name> <pid>` | the request is a process; its group has the same number |
 * | `+<name>` | it has opened its ends of the pipes and is about to become the command |
 * | `[1]+ <pid> Exit 3 …` | what `jobs -l` says of one that ended, or of one that did not |
 *
 * Bash's own job table is what tells `exit 137` from death by SIGKILL; `$?` and `wait` do not.
 */
import type { ExitStatus, SpawnRequest } from './sandbox.ts';

/** Where a sandbox sees its control folder. */
export const CONTROL_FOLDER = '/run/hud';

/** Kernel's limit for one string of an argument list is 128 KiB. */
const LONGEST_ARGUMENT = 120 * 1024;

export interface SpawnerLimits {
  openFiles: number;
  /** Of a single file. */
  fileBytes: number;
  /** Descriptors that this process was born with, and so are its children. */
  strayDescriptors: readonly number[];
}

/** The text of the loop. Only commands get a limit on processes: the loop itself must be able to fork whatever they do. */
export function spawnerScript({ openFiles, fileBytes, strayDescriptors }: SpawnerLimits): string {
  return [
    'set -m', // each request its own process group, and SIGINT not ignored in it
    ...strayDescriptors.map((descriptor) => `exec ${descriptor}>&-`),
    'ulimit -c 0',
    `ulimit -n ${openFiles}`,
    `ulimit -f ${fileBytes === Infinity ? 'unlimited' : Math.ceil(fileBytes / 1024)}`,
    'unset SHLVL OLDPWD',
    "trap 'jobs -n -l >&4' CHLD",
    `run() { . "${CONTROL_FOLDER}/$1"; }`,
    'printf "ready\\n" >&4',
    'exec 1>/dev/null 2>/dev/null',
    'while read -r -u 3 what name value; do',
    '  case $what in',
    '    r) run "$name" & printf "p %s %s\\n" "$name" "$!" >&4 ;;',
    '    k) kill -s "$name" -- "-$value" ;;',
    '  esac',
    'done',
  ].join('\n');
}

export interface RequestContext {
  /** Complete environment of the command. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Processes that the sandbox's user may have; undefined leaves it to others. */
  processes: number | undefined;
  /** Absolute, inside. */
  shell: string;
}

/** Files that a request is made of, by the ending of their names. */
export type RequestFiles = Record<string, string>;

/**
 * The script that becomes the command, as `''`, with the files it reads later. Pipes are `<name>.in`, `.out` and `.err`;
 * of a terminal `.err` tells its device and the first process in it, one line, and then ends.
 */
export function requestFiles(name: string, { command, pty }: SpawnRequest, context: RequestContext): RequestFiles {
  const path = `${CONTROL_FOLDER}/${name}`;
  const isLong = command !== undefined && Buffer.byteLength(command) > LONGEST_ARGUMENT;
  const text = isLong ? `eval "$(<${path}.long)"` : command;
  const shell = text === undefined ? `${context.shell} -l` : `${context.shell} -lc ${quote(text)}`;
  const env = pty === undefined ? context.env : { ...context.env, TERM: pty.term };
  const long: RequestFiles = isLong ? { '.long': command } : {};
  const start = [...exported(env), `exec <${path}.in >${path}.out 2>${path}.err`, `printf '+${name}\\n' >&4`, 'exec 3<&- 4>&-'];
  const limit = context.processes === undefined ? [] : [`ulimit -u ${context.processes}`];
  const enter = `cd -- ${quote(context.cwd)} 2>/dev/null || { echo ${quote(`workspace: cannot prepare shell: no folder ${context.cwd}`)} >&2; exit 1; }`;
  if (pty === undefined) return { ...long, '': [...start, ...limit, enter, `exec ${inherit(env)}${shell}`, failed].join('\n') };
  const inside = [
    `printf '%s %s\\n' "$(tty)" $$ >&3; exec 3>&-`,
    `stty rows ${pty.rows} cols ${pty.cols}`,
    env.SHELL === undefined ? 'unset SHELL' : `SHELL=${quote(env.SHELL)}`,
    `exec ${inherit(env)}${shell}`,
  ];
  const terminal = `SHELL=/bin/sh exec script -qefE always -c ${quote(`. ${path}.tty`)} /dev/null 3>&2 2>&1`;
  return { ...long, '.tty': inside.join('\n'), '': [...start, ...limit, enter, terminal, failed].join('\n') };
}

const failed = 'echo "workspace: cannot spawn shell: it is not there or can not be run" >&2; exit 127';

/** The script that gives a terminal another size; it has no pipes. */
export function resizeScript(device: string, { cols, rows }: { cols: number; rows: number }): string {
  return `exec 3<&- 4>&- </dev/null; exec stty -F ${quote(device)} rows ${Math.trunc(rows)} cols ${Math.trunc(cols)}`;
}

const NAME = /^[A-Za-z_]\w*$/;
/** What bash itself does not let anybody set. */
const BASH_OWNS = new Set(['UID', 'EUID', 'PPID', 'BASHOPTS', 'SHELLOPTS', 'BASH_VERSINFO']);
const isExportable = (name: string): boolean => NAME.test(name) && !BASH_OWNS.has(name);

/** Nothing of the loop's own environment stays: bash marks only these for its children. */
function exported(env: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(env)
    .filter(([name]) => isExportable(name))
    .map(([name, value]) => `export ${name}=${quote(value)}`);
  return env.PATH === undefined ? [...lines, 'export -n PATH'] : lines;
}

/** Variables whose names no shell can assign go through `env`. */
function inherit(env: Readonly<Record<string, string>>): string {
  const rest = Object.entries(env).filter(([name]) => !isExportable(name));
  return rest.length === 0 ? '' : `/usr/bin/env ${rest.map(([name, value]) => quote(`${name}=${value}`)).join(' ')} `;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** As bash names them in its table of jobs; all others are told by their number. */
const SIGNALS: Record<string, NodeJS.Signals> = {
  Hangup: 'SIGHUP',
  Interrupt: 'SIGINT',
  Quit: 'SIGQUIT',
  'Illegal instruction': 'SIGILL',
  'Trace/breakpoint trap': 'SIGTRAP',
  Aborted: 'SIGABRT',
  'Bus error': 'SIGBUS',
  'Floating point exception': 'SIGFPE',
  Killed: 'SIGKILL',
  'User defined signal 1': 'SIGUSR1',
  'Segmentation fault': 'SIGSEGV',
  'User defined signal 2': 'SIGUSR2',
  'Broken pipe': 'SIGPIPE',
  'Alarm clock': 'SIGALRM',
  Terminated: 'SIGTERM',
  'Stack fault': 'SIGSTKFLT',
  'CPU time limit exceeded': 'SIGXCPU',
  'File size limit exceeded': 'SIGXFSZ',
  'Virtual timer expired': 'SIGVTALRM',
  'Profiling timer expired': 'SIGPROF',
  'I/O possible': 'SIGIO',
  'Power failure': 'SIGPWR',
  'Bad system call': 'SIGSYS',
};

/**
 * Reads one line of bash's table of jobs.
 * @returns undefined when the job runs or is stopped, or the line is none of the table
 */
export function endedJob(line: string): { pid: number; status: ExitStatus } | undefined {
  const [, pid, text = ''] = /^\[\d+\][+ -]? +(\d+) (.*)$/.exec(line) ?? [];
  if (pid === undefined || /^(?:Running|Stopped)/.test(text)) return undefined;
  const code = /^(?:Done|Exit) *(\d*)/.exec(text);
  if (code !== null) return { pid: Number(pid), status: { code: Number(code[1] || 0) } };
  const name = Object.keys(SIGNALS).find((name) => text.startsWith(name));
  const signal = name === undefined ? undefined : SIGNALS[name];
  return { pid: Number(pid), status: signal === undefined ? { code: 255 } : { signal } };
}
