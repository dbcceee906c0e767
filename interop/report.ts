/** Runs cases one after another, each bounded in time, and prints one line for each. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Case {
  /** A sentence about behaviour. */
  name: string;
  /** Longest duration, in milliseconds. @default 30_000 */
  limitMs?: number;
  run: (context: { signal: AbortSignal }) => Promise<void>;
}

/** What happened to a case: nothing to say, or why it failed. */
export interface Outcome {
  name: string;
  ms: number;
  error: string | undefined;
}

const LIMIT_MS = 30_000;

export class Report {
  readonly #only: string;
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  constructor(options: { only?: string | undefined } = {}) {
    this.#only = options.only ?? '';
  }

  /** At least one case ran and none failed: a filter that matches nothing is no success. */
  get isGood(): boolean {
    return this.#passed > 0 && this.#failed === 0;
  }

  heading(title: string): void {
    console.log(`\n${title}`);
  }

  /** A case that cannot run here, and why; counts as neither passed nor failed. */
  skip(name: string, reason: string): void {
    this.#skipped += 1;
    console.log(`  skip  ${name}: ${reason}`);
  }

  add({ name, ms, error }: Outcome): void {
    if (error === undefined) this.#passed += 1;
    else this.#failed += 1;
    console.log(`  ${error === undefined ? 'ok  ' : 'FAIL'}  ${name} (${ms} ms)`);
    if (error !== undefined) console.log(`        ${error.split('\n').join('\n        ')}`);
  }

  async run(cases: readonly Case[]): Promise<void> {
    for (const one of cases) {
      if (one.name.includes(this.#only)) this.add(await attempt(one));
    }
  }

  summary(): string {
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    return `${this.#passed} passed, ${this.#failed} failed${skipped}`;
  }
}

async function attempt({ name, limitMs = LIMIT_MS, run }: Case): Promise<Outcome> {
  const startedAt = performance.now();
  const limit = new AbortController();
  const done = new AbortController();
  let error: string | undefined;
  try {
    const late = sleep(limitMs, undefined, { signal: done.signal }).then(() => {
      throw new Error(`took longer than ${limitMs} ms`);
    });
    await Promise.race([run({ signal: limit.signal }), late]);
  } catch (caught) {
    error = describe(caught);
  }
  done.abort();
  limit.abort(new Error('the case is over'));
  return { name, ms: Math.round(performance.now() - startedAt), error };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const where = error.stack
    ?.split('\n')
    .find((line) => line.includes('/interop/'))
    ?.trim();
  return where === undefined ? error.message : `${error.message}\n${where}`;
}
