/** What outlives its driver: looked for while the drill runs, and at its end. */
import type { DriverSeat } from './actors.ts';
import { findProcesses, leftCgroups, leftFolders, listeningInodes, listeningSockets, unixSockets } from './census.ts';
import type { Ground } from './ground.ts';
import type { DrillResult } from './result.ts';
import type { Finding } from './verify.ts';

/** How long after the next driver went on, or after everything ended, something may still be there, in milliseconds. */
export const SETTLE_MS = 5_000;

export class Leftovers {
  readonly #tag: string;
  readonly #ground: Ground;
  readonly #report: (finding: Finding) => void;
  /** Inodes of all sockets on which the drill's processes were seen to listen. */
  readonly #sockets = new Set<number>();
  readonly #reported = new Set<string>();
  longestMs = 0;

  constructor(options: { tag: string; ground: Ground; report: (finding: Finding) => void }) {
    this.#tag = options.tag;
    this.#ground = options.ground;
    this.#report = options.report;
  }

  /** Nothing of a dead driver may be there once the next one has gone on for a while. */
  look(drivers: readonly DriverSeat[]): void {
    const now = performance.now();
    const found = findProcesses(this.#tag);
    for (const inode of listeningSockets(found.map(({ pid }) => pid))) this.#sockets.add(inode);
    const succeeded = new Map(drivers.flatMap((seat) => seat.deaths).map((death) => [death.owner, death.succeededAt]));
    const left = [
      ...found.map(({ owner, pid }) => ({ owner, name: `process ${pid}` })),
      ...leftFolders(this.#ground.temporary).map(({ owner, path }) => ({ owner, name: path })),
    ];
    for (const { owner, name } of left) {
      const since = succeeded.get(owner);
      if (since === undefined) continue;
      this.longestMs = Math.max(this.longestMs, now - since);
      if (now - since < SETTLE_MS || this.#reported.has(name)) continue;
      this.#reported.add(name);
      const seconds = ((now - since) / 1000).toFixed(1);
      this.#report({ rule: 'left over', detail: `${name} of ${owner} is there ${seconds} s after the next driver went on` });
    }
  }

  /** What is there when nothing should be. */
  last(): Omit<DrillResult['left'], 'leases'> {
    const listening = listeningInodes();
    const sockets = [...this.#sockets].filter((inode) => listening.has(inode));
    return {
      processes: findProcesses(this.#tag).map(({ pid, owner }) => `process ${pid} of ${owner}`),
      sockets: [...sockets.map((inode) => `listening socket ${inode}`), ...unixSockets(this.#ground.folder)],
      folders: leftFolders(this.#ground.temporary).map(({ path }) => path),
      cgroups: leftCgroups(this.#ground.cgroup),
    };
  }
}
