/** What this machine has, and how much of it is taken right now. */
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

export interface Room {
  used: number;
  limit: number;
}

export interface MachineState {
  /** Open files and sockets of this process. */
  descriptors: Room;
  /** Processes and threads. */
  processes: Room;
  /** Bytes of memory, of this machine or of the container that this is. */
  memory: Room;
  /** Share of all processors that was busy since the last look, 0 to 1. */
  busy: number;
}

export interface Machine {
  readonly processors: number;
  look(): MachineState;
}

/** Linux tells everything; elsewhere limits are taken from what Node reports, and use from what is booked. */
export function thisMachine(): Machine {
  let last = processorTimes();
  return {
    processors: availableParallelism(),
    look: () => {
      const now = processorTimes();
      const total = now.total - last.total;
      const busy = total <= 0 ? 0 : (now.busy - last.busy) / total;
      last = now;
      return { descriptors: descriptors(), processes: processes(), memory: memory(), busy };
    },
  };
}

function processorTimes(): { busy: number; total: number } {
  const fields = /^cpu +(.+)$/m.exec(textOf('/proc/stat'))?.[1]?.split(' ').map(Number);
  if (fields !== undefined) {
    const total = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
    return { busy: total - (fields[3] ?? 0) - (fields[4] ?? 0), total }; // idle, and waiting for a disk
  }
  const times = cpus().map((cpu) => cpu.times);
  const total = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { busy: total - times.reduce((sum, { idle }) => sum + idle, 0), total };
}

let reportedFiles: number | undefined;

function descriptors(): Room {
  const limit = Number(/^Max open files +(\d+)/m.exec(textOf('/proc/self/limits'))?.[1] ?? (reportedFiles ??= reportedLimit('open_files')));
  try {
    return { used: readdirSync('/proc/self/fd').length, limit };
  } catch {
    return { used: 0, limit };
  }
}

/** The tightest of: all processes of the machine, those of this user, those of this container. */
function processes(): Room {
  const used = Number(/\d+\/(\d+) /.exec(textOf('/proc/loadavg'))?.[1] ?? 0);
  const limits = [
    numberIn('/proc/sys/kernel/pid_max'),
    numberIn('/proc/sys/kernel/threads-max'),
    ...(process.getuid?.() === 0 ? [] : [Number(/^Max processes +(\d+)/m.exec(textOf('/proc/self/limits'))?.[1] ?? Infinity)]),
  ];
  const own: Room[] = ['/sys/fs/cgroup', '/sys/fs/cgroup/pids'].map((folder) => ({
    used: numberIn(`${folder}/pids.current`, 0),
    limit: numberIn(`${folder}/pids.max`),
  }));
  return [{ used, limit: Math.min(...limits) }, ...own].toSorted((a, b) => left(a) - left(b))[0] as Room;
}

function memory(): Room {
  const text = textOf('/proc/meminfo');
  const kib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]) * 1024;
  const machine =
    text === ''
      ? { used: totalmem() - freemem(), limit: totalmem() }
      : { used: kib('MemTotal') - kib('MemAvailable'), limit: kib('MemTotal') };
  const own: Room[] = [
    { used: numberIn('/sys/fs/cgroup/memory.current', 0), limit: numberIn('/sys/fs/cgroup/memory.max') },
    { used: numberIn('/sys/fs/cgroup/memory/memory.usage_in_bytes', 0), limit: numberIn('/sys/fs/cgroup/memory/memory.limit_in_bytes') },
  ];
  return [machine, ...own].toSorted((a, b) => left(a) - left(b))[0] as Room;
}

function left({ used, limit }: Room): number {
  return limit - used;
}

/** @returns `otherwise` for `max`, and where there is no such file */
function numberIn(path: string, otherwise = Infinity): number {
  const text = textOf(path).trim();
  return /^\d+$/.test(text) ? Number(text) : otherwise;
}

function reportedLimit(name: string): number {
  const report = process.report.getReport() as { userLimits?: Record<string, { soft?: unknown }> };
  const soft = report.userLimits?.[name]?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
