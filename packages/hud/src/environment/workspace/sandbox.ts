/**
 * The contract of a sandbox: one closed world of processes over a folder, shared by all sessions of a workspace.
 * `bwrap.ts` is the isolated one, `unisolated.ts` the one without walls that a user must ask for by name.
 */
import type { Readable, Writable } from 'node:stream';

export const ISOLATIONS = ['bwrap', 'none'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export interface Mount {
  kind: 'ro' | 'rw' | 'tmpfs' | 'symlink' | 'proc' | 'dev';
  /** On this machine; of a symlink its target. */
  src?: string;
  /** Absolute, inside. */
  dst: string;
  /** A source that is missing is left out; `ro` and `rw` only. @default false */
  optional?: boolean;
}

/** What a sandbox may use at most. What the system can't enforce is told in {@link SandboxLevel.limits}. */
export interface Limits {
  /** Of all its processes together, tmpfs included. @default 4 GiB */
  memoryBytes?: number;
  /** Processes and threads. @default 1_024 */
  processes?: number;
  /** Processors; fractions allowed. @default not limited */
  cpus?: number;
  /** Of everything it writes below its root. @default 16 GiB */
  diskBytes?: number;
  /** Descriptors of one process. @default 4_096 */
  openFiles?: number;
}

/** What was reached, as it is told in the manifest and in every trace. */
export interface SandboxLevel {
  isolation: Isolation;
  /** By what each limit is enforced; `none` for one that is not. */
  limits: Record<'memory' | 'processes' | 'cpus' | 'disk', 'cgroup1' | 'cgroup2' | 'rlimit' | 'watch' | 'none'>;
  seccomp: boolean;
  /** `own` network namespace, with or without a way out, or the machine's. */
  network: 'none' | 'proxy' | 'host';
  /** Of its processes, on this machine. */
  uid: number;
}

export interface SandboxSpec {
  /** Served folder on this machine; exists. */
  root: string;
  /** Where `root` is inside. */
  guestPath: string;
  /** Before the root. */
  systemMounts: readonly Mount[];
  /** After the root. */
  mounts: readonly Mount[];
  /** Of every command, complete: nothing else is inherited. */
  env: Readonly<Record<string, string>>;
  /** PATH of commands, whatever the login shell's start-up files make of it. */
  loginPath?: string;
  /** Share the machine's network; otherwise one of its own with nothing but loopback. */
  shareNetwork: boolean;
  /** Will its own network be joined from outside? Without root that has to be prepared. @default false */
  isJoined?: boolean;
  /** Whose processes they are on this machine; acts only where this process is root. */
  identity: { uid: number; gid: number } | undefined;
  limits: Limits;
  /** Writes go to a layer over `root`, which stays as it is. Root only. */
  overlay: boolean;
  /** Private folder of this sandbox, for sockets and the like; exists, and goes with the workspace. */
  directory: string;
  /** Hears of limits that ended something, and of what could not be cleaned up. */
  onWarning(message: string): void;
}

export interface SpawnRequest {
  /** Run as `bash -lc <command>`; undefined runs a login shell, `bash -l`. */
  command: string | undefined;
  /** Absolute, inside. @default the guest path */
  cwd?: string;
  /** On top of the sandbox's. */
  env?: Readonly<Record<string, string>>;
  pty?: { term: string; cols: number; rows: number };
}

export type ExitStatus = { code: number } | { signal: NodeJS.Signals };

export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Ends at once for a pty, whose errors come with the output. */
  readonly stderr: Readable;
  /** Settles when the command itself has ended, whoever still holds its output; 255 when the sandbox was lost. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  resize(size: { cols: number; rows: number }): void;
  /** The signal to the command's process group. */
  signal(name: NodeJS.Signals): void;
  /** TERM to the group, KILL a second later. Settles when the command has ended. */
  terminate(): Promise<void>;
  /** Lets go of the output, which something in the background may hold open. */
  release(): void;
}

export interface Sandbox extends AsyncDisposable {
  readonly level: SandboxLevel;
  /** A process inside, seen from this machine; what joins its namespaces names it. Undefined without isolation. */
  readonly pid: number | undefined;
  /** Settles, with the reason, when it ends by itself: a limit was passed, or its first process was killed. */
  readonly lost: Promise<string>;
  /** @throws HudError CAPABILITY_FAILED when it is lost */
  spawn(request: SpawnRequest): Promise<SandboxProcess>;
  /** Folder on this machine that shows what `root` is inside. With an overlay only the changes: files, and whiteouts as 0:0 devices. */
  readonly changes: { path: string; isOverlay: boolean };
  /** Ends every process, whatever it ignores, and takes the limits' groups away. May be called twice. */
  close(): Promise<void>;
}
