/** Leaves out what a failure does not need. */

/** @returns the items that were left when no more could go, or when the checks were used up */
export async function minimize<T>(
  items: readonly T[],
  stillFails: (items: readonly T[]) => Promise<boolean>,
  limits: { maxChecks: number; maxMs: number } = { maxChecks: 3_000, maxMs: 10_000 },
): Promise<readonly T[]> {
  const deadline = performance.now() + limits.maxMs;
  let checks = 0;
  let kept = items;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      if (checks++ >= limits.maxChecks || performance.now() > deadline) return kept;
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await stillFails(fewer)) kept = fewer;
      else at += size;
    }
  }
  return kept;
}
