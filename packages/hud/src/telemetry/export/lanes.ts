/** Lines on their way, a few batches at once: those of one trace in their order, those of others beside them. */
import type { Host } from '../../host/host.ts';
import { deliver, type Channel, type Delivered } from './delivery.ts';
import type { Line } from './lines.ts';

const LANES = 3;
/** Of a batch. The platform lists at most so many refusals. */
const MAX_LINES = 1_000;
const MAX_CHARACTERS = 1_048_576;
/** A lane with as many has enough to do. */
const BUSY_LINES = 500;
/** Of all lines that wait or are on their way; whoever has more waits. */
const MAX_WAITING_LINES = 12_000;
const MAX_WAITING_CHARACTERS = 8 * 1_048_576;

interface Lane {
  queue: Line[];
  /** That wait or are on their way. */
  lines: number;
  isRunning: boolean;
}

/** Where lines of a trace are, so that later ones go behind them. */
interface Place {
  lane: Lane;
  lines: number;
}

export class Lanes {
  readonly #lanes: Lane[] = Array.from({ length: LANES }, () => ({ queue: [], lines: 0, isRunning: false }));
  readonly #places = new Map<string, Place>();
  readonly #channel: Channel;
  readonly #host: Host;
  readonly #onSettled: (lines: readonly Line[], delivered: Delivered) => void;
  #lines = 0;
  #characters = 0;

  /** @param onSettled each line was acknowledged, but for those that it names as rejected */
  constructor(channel: Channel, host: Host, onSettled: (lines: readonly Line[], delivered: Delivered) => void) {
    this.#channel = channel;
    this.#host = host;
    this.#onSettled = onSettled;
  }

  get hasRoom(): boolean {
    return this.#lines < MAX_WAITING_LINES && this.#characters < MAX_WAITING_CHARACTERS;
  }

  get isEmpty(): boolean {
    return this.#lines === 0;
  }

  /** Takes it in any case: {@link hasRoom} is for the caller to ask. */
  add(line: Line): void {
    const key = line.traceId ?? line.jobId;
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, (place = { lane: this.#freest(), lines: 0 }));
    place.lines += 1;
    place.lane.lines += 1;
    this.#lines += 1;
    this.#characters += line.text.length;
    place.lane.queue.push(line);
    if (!place.lane.isRunning) this.#start(place.lane);
  }

  /** The first one that has little to do: few lines make one request. */
  #freest(): Lane {
    const [first, ...others] = this.#lanes as [Lane, ...Lane[]];
    return (
      this.#lanes.find(({ lines }) => lines < BUSY_LINES) ?? others.reduce((best, lane) => (lane.lines < best.lines ? lane : best), first)
    );
  }

  #start(lane: Lane): void {
    lane.isRunning = true;
    this.#host.defer(() => void this.#drive(lane)); // lets what is added in this turn gather
  }

  /** Never rejects: what is left once the channel is closed stays in the store. */
  async #drive(lane: Lane): Promise<void> {
    try {
      while (lane.queue.length > 0) {
        const lines = takeBatch(lane.queue);
        const delivered = await deliver(lines, this.#channel);
        lane.lines -= lines.length;
        this.#settle(lines, delivered);
      }
    } catch (error) {
      if (!this.#channel.closed.aborted) throw error;
    } finally {
      lane.isRunning = false;
    }
  }

  #settle(lines: readonly Line[], delivered: Delivered): void {
    for (const { traceId, jobId, text } of lines) {
      const key = traceId ?? jobId;
      const place = this.#places.get(key);
      if (place !== undefined && --place.lines === 0) this.#places.delete(key);
      this.#characters -= text.length;
    }
    this.#lines -= lines.length;
    this.#onSettled(lines, delivered);
  }
}

function takeBatch(queue: Line[]): Line[] {
  let characters = 0;
  let count = 0;
  while (count < queue.length && count < MAX_LINES && characters < MAX_CHARACTERS) characters += queue[count++]?.text.length ?? 0;
  return queue.splice(0, count);
}
