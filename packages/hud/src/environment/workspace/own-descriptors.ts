/** What this process hands to its children besides their standard streams, and how much it may have open. */
import { readdirSync, readFileSync } from 'node:fs';

const CLOSED_BY_EXEC = 0o2000000;
const LAST_OWN_DESCRIPTOR = 6;

let stray: number[] | undefined;

/** Node closes what it opens itself, but passes on what it was started with: these, looked up once. */
export function strayDescriptors(): readonly number[] {
  stray ??= readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > LAST_OWN_DESCRIPTOR && isPassedOn(fd));
  return stray;
}

function isPassedOn(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & CLOSED_BY_EXEC) === 0;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    return false; // it was the one that listed them
  }
}

/** A limit can't be raised above this process's own. */
export function mostFiles(): number {
  const hard = Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  return Number.isNaN(hard) ? Infinity : hard;
}
