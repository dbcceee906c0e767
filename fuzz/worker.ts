/**
 * One target's inputs, in a process of its own: it may crash or hang, and `campaign.ts` outlives it. Before an
 * input is tried it is written to a file, so that the parent can name it afterwards.
 */
import { openSync, writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { readCorpus, type Kept } from './corpus.ts';
import { minimize } from './minimize.ts';
import { Random } from './random.ts';
import { Failure, signatureOf, type Target } from './target.ts';

export interface Job {
  /** URL of the module that exports `exportName`, a {@link Target}. */
  module: string;
  exportName: string;
  seed: string;
  /** Inputs of the corpus come first and count as the first numbers. */
  from: number;
  /** How many inputs are made, besides those of the corpus. */
  inputs: number;
  corpus: string;
  /** Files to replay in place of everything else. */
  replay?: string[];
  /** Where the input that is being tried is written. */
  current: string;
  maxMs: number;
}

export interface Found {
  signature: string;
  /** With the stack. */
  details: string;
  /** Smallest that still fails the same way. */
  input: Uint8Array;
  originalBytes: number;
}

export type Report =
  | { type: 'progress'; index: number; rssBytes: number }
  | { type: 'found'; found: Found }
  | { type: 'class'; name: string; input: Uint8Array }
  | { type: 'replayed'; name: string; outcome: string }
  | { type: 'done'; tried: number; corpus: number; classes: number; failures: Record<string, number>; rssGrowthBytes: number };

const SLOW_MS = 1_000;
const REPORT_MS = 250;
/** Memory is compared from here to the end; shorter runs say nothing about it. */
const WARM_SHARE = 0.35;
const MIN_INPUTS_FOR_MEMORY = 10_000;
const MAX_POOL_BYTES = 8_192;
const MAX_POOL = 2_000;

type Outcome = { kind: 'class'; name: string } | { kind: 'failure'; error: unknown };

class Worker {
  readonly #target: Target;
  readonly #job: Job;
  readonly #current: number;
  readonly #pool: Uint8Array[] = [];
  readonly #classes = new Set<string>();
  readonly #failures: Record<string, number> = {};
  #stray: unknown;
  #printed = '';
  #lastReport = 0;
  #baseRss = 0;

  constructor(target: Target, job: Job) {
    this.#target = target;
    this.#job = job;
    this.#current = openSync(job.current, 'w');
    for (const stream of [process.stdout, process.stderr]) stream.write = (text) => this.#caught(text);
    for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.on(event, (error: unknown) => (this.#stray = error));
  }

  async run(): Promise<void> {
    await this.#target.open?.();
    try {
      const kept = await readCorpus(this.#job.corpus);
      for (const { input } of kept) this.#pool.push(input);
      const tried = await this.#inputs(kept);
      const rssGrowthBytes = this.#baseRss === 0 ? 0 : Math.max(0, rss() - this.#baseRss);
      send({ type: 'done', tried, corpus: kept.length, classes: this.#classes.size, failures: this.#failures, rssGrowthBytes });
    } finally {
      await this.#target.close?.();
    }
  }

  async replay(files: readonly Kept[]): Promise<void> {
    await this.#target.open?.();
    await this.#report(-1);
    try {
      for (const [index, { name, input }] of files.entries()) {
        const outcome = await this.#try(input, index);
        if (outcome.kind === 'class') send({ type: 'replayed', name, outcome: outcome.name });
        else await this.#found(input, outcome.error, { smaller: false });
      }
      const failures = this.#failures;
      send({ type: 'done', tried: files.length, corpus: files.length, classes: this.#classes.size, failures, rssGrowthBytes: 0 });
    } finally {
      await this.#target.close?.();
    }
  }

  /** @returns how many were tried */
  async #inputs(kept: readonly Kept[]): Promise<number> {
    const { from, inputs, seed, maxMs } = this.#job;
    const deadline = performance.now() + maxMs;
    const end = kept.length + inputs;
    const warm = kept.length + Math.floor(inputs * WARM_SHARE); // by then the engine has taken what it likes to keep
    await this.#report(-1); // the product is loaded: silence from now on is a hang
    let index = from;
    for (; index < end && performance.now() < deadline; index++) {
      const input =
        kept[index]?.input ?? this.#target.generate(new Random(`${seed}/${this.#target.name}/${index - kept.length}`), this.#pool);
      const outcome = await this.#try(input, index);
      if (outcome.kind === 'failure') await this.#found(input, outcome.error);
      else this.#learn(outcome.name, input, index < kept.length);
      if (index === warm && inputs >= MIN_INPUTS_FOR_MEMORY) this.#baseRss = rss();
      await this.#report(index);
    }
    return index - from;
  }

  async #try(input: Uint8Array, index: number): Promise<Outcome> {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(index, 0);
    head.writeUInt32LE(input.length, 4);
    writeSync(this.#current, Buffer.concat([head, input]), 0, undefined, 0);
    const started = performance.now();
    const outcome = await this.#once(input);
    return performance.now() - started < SLOW_MS ? outcome : await this.#whenSlow(input, outcome);
  }

  async #once(input: Uint8Array): Promise<Outcome> {
    this.#stray = undefined;
    this.#printed = '';
    try {
      const checking = this.#target.check(input);
      const name = typeof checking === 'string' ? checking : await checking;
      if (typeof checking !== 'string') await turn(); // lets a rejection that nobody awaits come to light
      if (this.#stray !== undefined) throw new Failure('something was thrown where nobody waits', detailsOf(this.#stray));
      if (this.#printed !== '') throw new Failure('a library printed', this.#printed);
      return { kind: 'class', name };
    } catch (error) {
      return { kind: 'failure', error };
    }
  }

  #caught(text: string | Uint8Array): boolean {
    this.#printed += String(text);
    return true;
  }

  /** The machine may have been busy with something else: an input is slow when it is slow every time. */
  async #whenSlow(input: Uint8Array, outcome: Outcome): Promise<Outcome> {
    for (let times = 0; times < 2; times++) {
      const started = performance.now();
      await this.#once(input);
      if (performance.now() - started < SLOW_MS) return outcome;
    }
    return { kind: 'failure', error: new Failure('an input takes longer than a second every time') };
  }

  #learn(name: string, input: Uint8Array, isKept: boolean): void {
    if (this.#classes.has(name)) return;
    this.#classes.add(name);
    if (isKept) return;
    if (input.length <= MAX_POOL_BYTES && this.#pool.length < MAX_POOL) this.#pool.push(Uint8Array.from(input)); // a small Buffer would keep its whole slab
    send({ type: 'class', name, input });
  }

  async #found(input: Uint8Array, error: unknown, options: { smaller: boolean } = { smaller: true }): Promise<void> {
    const signature = signatureOf(error);
    const isNew = this.#failures[signature] === undefined;
    this.#failures[signature] = (this.#failures[signature] ?? 0) + 1;
    if (!isNew) return;
    const smallest = options.smaller ? await this.#smallest(input, signature) : input;
    send({ type: 'found', found: { signature, details: detailsOf(error), input: smallest, originalBytes: input.length } });
  }

  async #smallest(input: Uint8Array, signature: string): Promise<Uint8Array> {
    const parts = this.#target.parts ?? {
      split: (bytes: Uint8Array) => [...bytes],
      join: (bytes: readonly unknown[]) => Uint8Array.from(bytes as number[]),
    };
    const kept = await minimize(parts.split(input), async (fewer) => {
      await this.#report(-1);
      const outcome = await this.#once(parts.join(fewer));
      return outcome.kind === 'failure' && signatureOf(outcome.error) === signature;
    });
    return parts.join(kept);
  }

  async #report(index: number): Promise<void> {
    const now = performance.now();
    if (now - this.#lastReport < REPORT_MS) return;
    this.#lastReport = now;
    send({ type: 'progress', index, rssBytes: process.memoryUsage.rss() });
    await turn(); // messages leave between two turns
  }
}

function rss(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function detailsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : '';
  return `${error.stack ?? error.message}${cause}`.slice(0, 4_000);
}

function send(report: Report): void {
  process.send?.(report);
}

/** Settles when the parent's end of the pipe has everything. */
async function sent(): Promise<void> {
  await new Promise<void>((resolve) => process.send?.({ type: 'progress', index: -1, rssBytes: 0 } satisfies Report, () => resolve()));
}

process.once('message', (job: Job) => {
  process.once('disconnect', () => process.exit());
  finish(job).catch((error: unknown) => {
    writeSync(2, `${detailsOf(error)}\n`);
    process.exit(1);
  });
});

async function finish(job: Job): Promise<void> {
  await start(job);
  await sent();
  process.disconnect();
}

async function start(job: Job): Promise<void> {
  const exports = (await import(job.module)) as Record<string, Target>;
  const target = exports[job.exportName];
  if (target === undefined) throw new Error(`${job.module} exports no ${job.exportName}.`);
  const worker = new Worker(target, job);
  if (job.replay === undefined) return await worker.run();
  const { readFile } = await import('node:fs/promises');
  await worker.replay(await Promise.all(job.replay.map(async (name) => ({ name, input: await readFile(name) }))));
}
