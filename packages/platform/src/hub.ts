/** Tells those who watch that something was recorded. Carries no data: who is woken reads the record. */

export interface Happening {
  teamId: string;
  traceId?: string;
  jobId?: string;
}

export class Hub {
  readonly #watchers = new Map<string, Set<() => void>>();

  /** Never throws, costs nothing when nobody watches. */
  publish({ teamId, traceId, jobId }: Happening): void {
    if (this.#watchers.size === 0) return;
    for (const id of [traceId, jobId, teamId]) for (const wake of (id === undefined ? undefined : this.#watchers.get(id)) ?? []) wake();
  }

  /** @param id of a trace, a job or a team. @returns ends it, may be called twice */
  watch(id: string, wake: () => void): () => void {
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers);
    watchers.add(wake);
    return () => {
      watchers.delete(wake);
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id);
    };
  }
}
