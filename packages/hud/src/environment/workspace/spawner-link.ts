/** This machine's end of a sandbox's first process: requests out, what became of them back. */
import type { Readable, Writable } from 'node:stream';
import type { ExitStatus } from './sandbox.ts';
import { endedJob } from './spawner.ts';

/** One request, as its process is told of. */
export interface Job {
  /** Settles with its number inside, once it has opened its pipes; undefined when it ended before. */
  readonly started: Promise<number | undefined>;
  readonly exited: Promise<ExitStatus>;
  /** Its process group inside. */
  pid: number | undefined;
  isOver: boolean;
}

interface Pending extends Job {
  hasOpened: boolean;
  start(): void;
  end(status: ExitStatus): void;
}

export const LOST: ExitStatus = { code: 255 };
const STATUS_LIMIT = 1 << 20;
/** Between two questions what ended, while a command runs: the older the youngest one, the longer. */
const ASKING_MS = { first: 5, longest: 100, growth: 1.5 };
/** After a command's outputs ended, which is when most commands end. */
const SOON_MS = [1, 3] as const;

export class SpawnerLink {
  readonly ready: Promise<void>;
  #requests: Writable;
  #jobs = new Map<string, Pending>();
  #byPid = new Map<number, Pending>();
  /** Ends told before the process itself was; the next line names it. */
  #early = new Map<number, ExitStatus>();
  #text = '';
  #onReady: () => void = () => {};
  #asking: NodeJS.Timeout | undefined;
  #isLost = false;

  constructor(requests: Writable, replies: Readable) {
    this.#requests = requests;
    this.ready = new Promise((resolve) => (this.#onReady = resolve));
    // What ends the sandbox ends these too, and is told by its process.
    requests.on('error', () => {});
    replies.on('error', () => {});
    replies.setEncoding('latin1').on('data', (text: string) => this.#read(text));
  }

  /** Runs the script `name` of the control folder. */
  run(name: string): Job {
    const job = pendingJob();
    if (this.#isLost) job.end(LOST);
    else this.#send(name, job);
    return job;
  }

  #send(name: string, job: Pending): void {
    this.#jobs.set(name, job);
    this.#requests.write(`r ${name}\n`);
    void job.exited.then(() => this.#jobs.delete(name));
    this.#keepAsking(ASKING_MS.first);
  }

  /** A job has probably just ended. */
  expectEnd(job: Job): void {
    if (job.isOver) return;
    this.#ask();
    for (const ms of SOON_MS) setTimeout(() => !job.isOver && this.#ask(), ms);
  }

  /** The signal to the group of a job that still runs. */
  kill(signal: NodeJS.Signals, group: number): void {
    this.#requests.write(`k ${signal.replace(/^SIG/, '')} ${group}\n`);
  }

  /** All jobs have ended with it. */
  lose(): void {
    this.#isLost = true;
    clearTimeout(this.#asking);
    for (const job of this.#jobs.values()) job.end(LOST);
    this.#byPid.clear();
    this.#early.clear();
  }

  #ask(): void {
    this.#requests.write('j\n');
  }

  /** For those that end while something else holds their outputs open. */
  #keepAsking(afterMs: number): void {
    clearTimeout(this.#asking);
    this.#asking = setTimeout(() => {
      if (this.#jobs.size === 0) return;
      this.#ask();
      this.#keepAsking(Math.min(afterMs * ASKING_MS.growth, ASKING_MS.longest));
    }, afterMs);
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      this.#hear(line);
    }
    if (this.#text.length > STATUS_LIMIT) this.#text = ''; // no line of ours
  }

  #hear(line: string): void {
    if (line === 'ready') this.#onReady();
    else if (line.startsWith('+')) this.#opened(line.slice(1));
    else if (line.startsWith('p ')) this.#forked(line.split(' '));
    else {
      const ended = endedJob(line);
      if (ended !== undefined) this.#ended(ended.pid, ended.status);
    }
  }

  #opened(name: string): void {
    const job = this.#jobs.get(name);
    if (job === undefined) return;
    job.hasOpened = true;
    if (job.pid !== undefined) job.start();
  }

  #forked([, name = '', number]: string[]): void {
    const job = this.#jobs.get(name);
    const pid = Number(number);
    const early = this.#early.get(pid);
    this.#early.delete(pid);
    if (job === undefined) return;
    job.pid = pid;
    if (job.hasOpened) job.start();
    if (early === undefined) this.#byPid.set(pid, job);
    else job.end(early);
  }

  #ended(pid: number, status: ExitStatus): void {
    const job = this.#byPid.get(pid);
    this.#byPid.delete(pid);
    if (job === undefined) this.#early.set(pid, status);
    else job.end(status);
  }
}

function pendingJob(): Pending {
  const started = Promise.withResolvers<number | undefined>();
  const exited = Promise.withResolvers<ExitStatus>();
  const job: Pending = {
    started: started.promise,
    exited: exited.promise,
    pid: undefined,
    hasOpened: false,
    isOver: false,
    start: () => started.resolve(job.pid),
    end: (status) => {
      job.isOver = true;
      started.resolve(undefined);
      exited.resolve(status);
    },
  };
  return job;
}
