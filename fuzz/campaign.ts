/** Runs one target in a child process, outlives its crashes and hangs, and writes what fails into the corpus. */
import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CORPUS, keep, readCorpus } from './corpus.ts';
import { SCRATCH_VARIABLE, scratch } from './scratch.ts';
import { shapeOf } from './target.ts';
import type { Found, Job, Report } from './worker.ts';

export interface CampaignOptions {
  name: string;
  /** URL of the module that exports the target under `exportName`. */
  module: string;
  exportName: string;
  extension: string;
  seed: string;
  inputs: number;
  /** @default no limit */
  maxMs?: number;
  /** Where inputs are kept. @default corpus/<name> */
  corpus?: string;
  /** Also keep an input of every outcome that the corpus does not show yet. @default false */
  keepNew?: boolean;
  /** Files to replay in place of everything else. */
  replay?: string[];
  /** See `Target.known`. */
  known?: Readonly<Record<string, string>>;
  /** Longest silence of the child before its input counts as a hang. @default 10_000 */
  hangMs?: number;
  onProgress?: (progress: { tried: number; rssBytes: number }) => void;
}

export interface CampaignFailure extends Found {
  times: number;
  /** Why it is known and not mended yet. */
  known?: string;
  /** Where its input was written; undefined for one of the whole run, such as growing memory. */
  path?: string;
}

export interface CampaignResult {
  name: string;
  /** Inputs tried, those of the corpus included. */
  tried: number;
  corpus: number;
  classes: number;
  seconds: number;
  rssGrowthBytes: number;
  failures: CampaignFailure[];
  /** Signatures of known failures that did not come up. */
  absent: string[];
  /** Outcomes of a replay, by file. */
  outcomes: { name: string; outcome: string }[];
}

const HANG_MS = 10_000;
const MAX_RSS_GROWTH_BYTES = 64 * 1024 * 1024;
/** A target that crashes or hangs this often is not tried any further. */
const MAX_RESTARTS = 3;
const MAX_STDERR = 4_000;
/** glibc gives each thread an arena and keeps them all: they would look like a leak. */
const STEADY_MEMORY = { MALLOC_ARENA_MAX: '2' };

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  await using folder = await scratch();
  return await new Campaign(options, folder.path).run();
}

/** How a child ended. */
interface Ended {
  isDone: boolean;
  isHanging: boolean;
  why: string;
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #scratch: string;
  readonly #current: string;
  readonly #corpus: string;
  readonly #found = new Map<string, CampaignFailure>();
  readonly #classes: { name: string; input: Uint8Array }[] = [];
  readonly #result: CampaignResult;

  constructor(options: CampaignOptions, folder: string) {
    this.#options = options;
    this.#scratch = folder;
    this.#current = join(folder, 'current');
    this.#corpus = options.corpus ?? join(CORPUS, options.name);
    this.#result = {
      name: options.name,
      tried: 0,
      corpus: 0,
      classes: 0,
      seconds: 0,
      rssGrowthBytes: 0,
      failures: [],
      absent: [],
      outcomes: [],
    };
  }

  async run(): Promise<CampaignResult> {
    const started = performance.now();
    const deadline = started + (this.#options.maxMs ?? Number.POSITIVE_INFINITY);
    let from = 0;
    for (let restarts = 0; restarts <= MAX_RESTARTS; restarts++) {
      const ended = await this.#child(from, deadline - performance.now());
      if (ended.isDone) break;
      from = await this.#lost(ended);
      this.#result.tried = from;
    }
    if (this.#result.rssGrowthBytes > MAX_RSS_GROWTH_BYTES) this.#tooLarge();
    const { known = {} } = this.#options;
    this.#result.failures = [...this.#found.values()].map((failure) => withReason(failure, known[failure.signature]));
    this.#result.absent = Object.keys(known).filter((signature) => !this.#found.has(signature));
    await this.#write();
    this.#result.seconds = (performance.now() - started) / 1000;
    return this.#result;
  }

  async #child(from: number, leftMs: number): Promise<Ended> {
    const { module, exportName, seed, inputs, replay, hangMs = HANG_MS } = this.#options;
    const child = fork(join(import.meta.dirname, 'worker.ts'), [], {
      execArgv: ['--expose-gc', '--max-semi-space-size=4', '--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...STEADY_MEMORY, [SCRATCH_VARIABLE]: this.#scratch },
    });
    const maxMs = Math.min(leftMs, Number.MAX_SAFE_INTEGER);
    const job: Job = {
      module,
      exportName,
      seed,
      from,
      inputs,
      corpus: this.#corpus,
      current: this.#current,
      maxMs,
      ...(replay ? { replay } : {}),
    };
    child.send(job);
    return await this.#follow(child, hangMs);
  }

  #follow(child: ChildProcess, hangMs: number): Promise<Ended> {
    const ended = { isDone: false, isHanging: false, why: '' };
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-MAX_STDERR)));
    const kill = (): void => {
      ended.isHanging = true;
      child.kill('SIGKILL');
    };
    // Before the first report the child loads the product, which takes its time on a busy machine.
    let watch = setTimeout(kill, hangMs + 20_000);
    child.on('message', (report: Report) => {
      clearTimeout(watch);
      watch = setTimeout(kill, hangMs);
      ended.isDone ||= report.type === 'done';
      this.#on(report);
    });
    return new Promise((resolve) => {
      child.once('close', (code, signal) => {
        clearTimeout(watch);
        resolve({ ...ended, why: `${signal ?? `exit code ${code}`}\n${stderr}` });
      });
    });
  }

  #on(report: Report): void {
    const result = this.#result;
    switch (report.type) {
      case 'progress':
        if (report.index >= 0) this.#options.onProgress?.({ tried: report.index, rssBytes: report.rssBytes });
        break;
      case 'class':
        this.#classes.push(report);
        break;
      case 'found':
        this.#add({ ...report.found, times: 1 });
        break;
      case 'replayed':
        result.outcomes.push({ name: report.name, outcome: report.outcome });
        break;
      case 'done':
        result.tried += report.tried;
        result.corpus = report.corpus;
        result.classes = report.classes;
        result.rssGrowthBytes = report.rssGrowthBytes;
        for (const [signature, times] of Object.entries(report.failures)) Object.assign(this.#found.get(signature) ?? {}, { times });
        break;
    }
  }

  /** The child is gone in the middle of an input, which stays as it is: trying smaller ones would cost a child each. @returns where to go on */
  async #lost(ended: Ended): Promise<number> {
    const bytes = await readFile(this.#current).catch(() => Buffer.alloc(0));
    if (bytes.length < 8) throw new Error(`The fuzzing process of ${this.#options.name} did not start: ${ended.why}`);
    const input = bytes.subarray(8, 8 + bytes.readUInt32LE(4));
    const signature = ended.isHanging ? 'an input never ends' : `the process ended: ${shapeOf(ended.why)}`;
    this.#add({ signature, details: ended.why, input, originalBytes: input.length, times: 1 });
    return bytes.readUInt32LE(0) + 1;
  }

  #add(failure: CampaignFailure): void {
    const known = this.#found.get(failure.signature);
    if (known === undefined) this.#found.set(failure.signature, failure);
    else known.times += failure.times;
  }

  #tooLarge(): void {
    const signature = 'memory grows';
    const details = `By ${Math.round(this.#result.rssGrowthBytes / 1024 / 1024)} MiB during the run.`;
    this.#add({ signature, details, input: new Uint8Array(), originalBytes: 0, times: 1 });
  }

  async #write(): Promise<void> {
    if (this.#options.replay !== undefined) return;
    const { extension } = this.#options;
    for (const failure of this.#result.failures) {
      if (failure.known === undefined && failure.signature !== 'memory grows')
        failure.path = await keep(this.#corpus, `fails ${failure.signature}`, failure.input, extension);
    }
    if (!this.#options.keepNew) return;
    const present = new Set((await readCorpus(this.#corpus)).map(({ input }) => Buffer.from(input).toString('hex')));
    const small = this.#classes.filter(({ input }) => input.length <= MAX_KEPT_BYTES && !present.has(Buffer.from(input).toString('hex')));
    for (const { name, input } of small.slice(0, MAX_KEPT)) await keep(this.#corpus, name, input, extension);
  }
}

function withReason(failure: CampaignFailure, known: string | undefined): CampaignFailure {
  return known === undefined ? failure : { ...failure, known };
}

/** The corpus is in the repository: only small files. */
const MAX_KEPT_BYTES = 1_024;
/** The outcomes that come up first are the commonest; one run adds no more. */
const MAX_KEPT = 60;
