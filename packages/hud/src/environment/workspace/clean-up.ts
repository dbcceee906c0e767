/** What is undone, last first, unless what it was for came about: `AsyncDisposableStack`, which Node 22 does not have. */
export class CleanUp implements AsyncDisposable {
  #steps: (() => unknown)[] = [];

  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Takes all steps over into another, which leaves this one with none. */
  move(): CleanUp {
    const moved = new CleanUp();
    moved.#steps = this.#steps;
    this.#steps = [];
    return moved;
  }

  /** Every step runs, whatever becomes of the others. May be called twice. @throws what the first failing step threw */
  async [Symbol.asyncDispose](): Promise<void> {
    const steps = this.#steps.toReversed();
    this.#steps = [];
    const failures: unknown[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
