/** Scripted templates that count what happens to each task, and gates that hold them until they are let through. */
import { Environment } from './environment.ts';
import type { Evidence, Fate } from './session-model.ts';

/** Where a task waits until it is let through. */
export type Hold = 'nowhere' | 'starting' | 'grading' | 'closing';

export interface Script {
  fate: Fate;
  hold: Hold;
  /** It stops waiting when its signal fires; a clean-up never does. */
  isAttentive: boolean;
}

export interface Waiting {
  task: number;
  hold: Hold;
  isAttentive: boolean;
  letThrough: () => void;
}

interface Count extends Evidence {
  starts: number;
  closes: number;
}

export class Stage {
  readonly environment = new Environment('stage');
  readonly tasks = new Map<number, Count>();
  /** Sessions under which each task was reported as ended, once a report. */
  readonly ended = new Map<number, string[]>();
  readonly waiting = new Set<Waiting>();
  readonly #now: () => number;
  #isOpen = false;

  constructor(now: () => number) {
    this.#now = now;
    this.environment.onTaskEnd(({ id, sessionId }) => {
      const task = Number(id.slice(1));
      this.ended.set(task, [...(this.ended.get(task) ?? []), sessionId]);
    });
  }

  /** Template `t<task>`, which is started by one call only; its answer is the id of the call that grades it. */
  add(task: number, { fate, hold, isAttentive }: Script): void {
    if (fate === 'unknown-template') return;
    const now = this.#now;
    const pass = async (here: Hold, signal?: AbortSignal): Promise<void> => {
      if (hold === here) await this.#wait({ task, hold, isAttentive: isAttentive && signal !== undefined }, signal);
    };
    const begin = (sessionId: string): Count => {
      const count = this.tasks.get(task) ?? { sessionId, fate, startedAt: now(), starts: 0, answers: [], closes: 0, closedAt: Infinity };
      this.tasks.set(task, count);
      count.starts += 1;
      return count;
    };
    this.environment.template({ id: `t${task}` }, async function* (_args, { sessionId, signal }) {
      const count = begin(sessionId);
      try {
        await pass('starting', signal);
        if (fate === 'fails-to-start') throw new Error('cannot start');
        const answer: unknown = yield `task ${task}`;
        count.answers.push(Number(answer));
        await pass('grading', signal);
        if (fate === 'fails-to-grade') throw new Error('cannot grade');
        yield { score: 1, of: task, from: Number(answer) };
      } finally {
        await pass('closing');
        count.closes += 1;
        count.closedAt = now();
      }
    });
  }

  /** Nothing waits from here on. */
  open(): void {
    this.#isOpen = true;
    for (const { letThrough } of this.waiting) letThrough();
  }

  /** What is wrong with the counts once the server has stopped, which began at `stoppedAt`. */
  faults(stoppedAt: number): string[] {
    const found: string[] = [];
    for (const [task, { starts, startedAt, answers, closes, sessionId }] of this.tasks) {
      if (startedAt > stoppedAt) found.push(`task ${task} was started after the server had begun to stop`);
      if (starts !== 1) found.push(`task ${task} was started ${starts} times`);
      if (answers.length > 1) found.push(`task ${task} was graded ${answers.length} times, by calls ${answers.join(', ')}`);
      if (closes !== 1) found.push(`task ${task} was closed ${closes} times`);
      const ends = this.ended.get(task) ?? [];
      if (ends.join() !== sessionId) found.push(`the end of task ${task} of ${sessionId} was reported under [${ends.join(', ')}]`);
    }
    for (const [task, ends] of this.ended) {
      if (ends.length > 1) found.push(`the end of task ${task} was reported ${ends.length} times`);
    }
    return found;
  }

  async #wait(at: Omit<Waiting, 'letThrough'>, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isOpen) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { ...at, letThrough: resolve };
    const onAbort = (): void => reject(signal?.reason);
    if (at.isAttentive && signal?.aborted === true) onAbort();
    if (at.isAttentive) signal?.addEventListener('abort', onAbort, { once: true });
    this.waiting.add(waiting);
    try {
      await promise;
    } finally {
      this.waiting.delete(waiting);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
