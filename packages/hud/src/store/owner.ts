/** Who owns a lease: a process, told apart from a later one that was given the same pid. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** `pid:startTime` of this process. */
export function ownerId(): string {
  self ??= `${process.pid}:${startTime(process.pid) ?? UNKNOWN}`;
  return self;
}

/**
 * Is the process that `owner` names still running on this machine? One that was killed and not yet
 * collected by its parent counts as gone, one that may not be looked at as alive.
 */
export function isOwnerAlive(owner: string): boolean {
  const [, pidText = '', started] = /^([1-9]\d*):(.+)$/.exec(owner) ?? [];
  const pid = Number(pidText);
  if (started === undefined || !exists(pid)) return false;
  if (started === UNKNOWN) return true;
  const now = startTime(pid);
  return now === undefined ? process.platform !== 'linux' : now === started;
}

const UNKNOWN = '?';
const PS_MS = 5_000;
let self: string | undefined;

/** Of a running process, in whatever unit the system counts; undefined when it is gone or nobody knows. */
function startTime(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return linuxStartTime(pid);
    if (process.platform === 'win32') return undefined;
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_MS,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return String(Date.parse(`${text.trim()} UTC`));
  } catch {
    return undefined; // it ended, or the system has no such tool
  }
}

/** Clock ticks since the machine started. */
function linuxStartTime(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The program's name stands in brackets and may hold blanks and brackets itself; after it comes field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? '';
  return 'ZXx'.includes(state) ? undefined : fields[22 - 3];
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM';
  }
}
