/** The spans of one request on their way to the record, in their order, some thousand at a time. */
import type { Caller } from '../../caller.ts';
import type { SpanForm } from './blob-intake.ts';
import type { Intake } from './intake.ts';
import type { Held } from './load.ts';
import type { ReadSpan } from './span.ts';

/** What is written together; as much as the store takes in one transaction. */
const GROUP_SPANS = 1024;
const GROUP_BYTES = 1_048_576;
/** Groups of one request that may wait for the disk. */
const MAX_WAITING = 4;

export interface SinkOptions {
  /** For metrics. */
  route: string;
  caller: Caller;
  form: SpanForm;
  /** How the driver spells the id of the run that all of them are of. */
  given?: string;
  /** Of a run that belongs to another team. */
  onForeign(traceId: string, index: number): void;
}

interface Entry {
  span: ReadSpan;
  index: number;
}

export class SpanSink {
  readonly #intake: Intake;
  readonly #options: SinkOptions;
  #group: Entry[] = [];
  #bytes = 0;
  readonly #waiting: Promise<void>[] = [];
  #accepted = 0;

  constructor(intake: Intake, options: SinkOptions) {
    this.#intake = intake;
    this.#options = options;
  }

  /** Spans that are durable. */
  get accepted(): number {
    return this.#accepted;
  }

  get isEmpty(): boolean {
    return this.#group.length === 0 && this.#waiting.length === 0;
  }

  /** @returns true when it is time to {@link flush} */
  add(span: ReadSpan, index: number, bytes: number): boolean {
    this.#group.push({ span, index });
    this.#bytes += bytes;
    return this.#group.length >= GROUP_SPANS || this.#bytes >= GROUP_BYTES;
  }

  /** Settles when there is room for another group. @throws what storing threw */
  async flush(held: Held): Promise<void> {
    const group = this.#group;
    const bytes = this.#bytes;
    this.#group = [];
    this.#bytes = 0;
    if (group.length === 0) return;
    const { caller, form, given, onForeign } = this.#options;
    const { context, runs, blobs } = this.#intake;
    const jobs = await runs.own(caller.teamId, new Set(group.map(({ span }) => span.row.traceId)), given);
    const mine = group.filter(({ span, index }) => {
      const isMine = jobs.has(span.row.traceId);
      if (!isMine) onForeign(span.row.traceId, index);
      return isMine;
    });
    const rows = await blobs.settle(
      caller.teamId,
      mine.map(({ span }) => span),
      form,
    );
    const append = async (): Promise<void> => {
      await context.store.appendRows(rows);
      held.give(bytes);
      this.#accepted += rows.length;
      this.#intake.counted(this.#options.route, { spans: rows.length });
      for (const [traceId, jobId] of jobs) context.hub.publish({ teamId: caller.teamId, traceId, jobId });
    };
    const durable = append();
    durable.catch(() => {}); // told by whoever waits for it below
    this.#waiting.push(durable);
    if (this.#waiting.length >= MAX_WAITING) await this.#waiting.shift();
  }

  /** Settles when all that was added is durable. @throws what storing threw */
  async drain(held: Held): Promise<void> {
    await this.flush(held);
    while (this.#waiting.length > 0) await this.#waiting.shift();
  }

  /** Waits for what is under way, and throws nothing. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#waiting);
  }
}
