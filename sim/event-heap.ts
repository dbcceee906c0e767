/** What is going to happen, earliest first; at the same moment in the order in which it was asked for. */
import type { SimProcess } from './process.ts';

export interface SimEvent {
  /** Virtual milliseconds. */
  at: number;
  order: number;
  process: SimProcess | undefined;
  what: string;
  act: () => void;
  isCancelled: boolean;
}

export class EventHeap {
  readonly #events: SimEvent[] = [];
  #order = 0;

  push(event: SimEvent): void {
    event.order = this.#order++;
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as SimEvent)) break;
      events[at] = events[parent] as SimEvent;
      at = parent;
    }
    events[at] = event;
  }

  pop(): SimEvent | undefined {
    const [first] = this.#events;
    const last = this.#events.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  /** From the top down to where it belongs. */
  #sink(event: SimEvent): void {
    const events = this.#events;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      const right = events[child + 1];
      if (right !== undefined && isBefore(right, events[child] as SimEvent)) child += 1;
      if (!isBefore(events[child] as SimEvent, event)) break;
      events[at] = events[child] as SimEvent;
      at = child;
    }
    events[at] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
