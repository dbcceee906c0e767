/** Who owns a lease: a process, told apart from a later one that was given the same pid. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** `pid:startTime@machine` of this process. */
export function ownerId(): string {
  self ??= `${process.pid}:${startTime(process.pid) ?? UNKNOWN}@${machineId()}`;
  return self;
}

/**
 * Is the process that `owner` names still running? One that was killed and not yet collected by its
 * parent counts as gone; one that may not be looked at, or lives where its number means nothing here
 * (another machine, another container), as alive.
 */
export function isOwnerAlive(owner: string): boolean {
  const [, pidText = '', started, machine] = /^([1-9]\d*):([^@]+)@(.+)$/.exec(owner) ?? [];
  const pid = Number(pidText);
  if (machine !== undefined && machine !== machineId()) return true;
  if (started === undefined || !exists(pid)) return false;
  if (started === UNKNOWN) return true;
  const now = startTime(pid);
  return now === undefined ? process.platform !== 'linux' : now === started;
}

const UNKNOWN = '?';
const PS_MS = 5_000;
let self: string | undefined;
let machine: string | undefined;

/** Equal for processes that see each other's numbers: of one boot of one machine, in one container. */
function machineId(): string {
  machine ??= createHash('sha256')
    .update(
      [
        hostname(),
        readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
        readOr(() => readlinkSync('/proc/self/ns/pid')),
      ].join('\n'),
    )
    .digest('hex')
    .slice(0, 12);
  return machine;
}

/** Only Linux has these. */
function readOr(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** Of a running process, in whatever unit the system counts; undefined when it is gone or nobody knows. */
export function startTime(pid: number): string | undefined {
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

/** Of a process on Linux; elsewhere undefined, for nobody tells. */
export function processState(pid: number): 'running' | 'stopped' | 'gone' | undefined {
  if (process.platform !== 'linux') return undefined;
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X';
  if ('Tt'.includes(state)) return 'stopped';
  return 'ZXx'.includes(state) ? 'gone' : 'running';
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
