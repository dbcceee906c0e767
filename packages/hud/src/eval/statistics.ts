/** Means that say how sure they are. */

/** Sum without the rounding drift of a long chain of additions (Neumaier). */
function sum(values: readonly number[]): number {
  let total = 0;
  let lost = 0;
  for (const value of values) {
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

/** @returns NaN for an empty list */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Population standard deviation. */
export function populationStd(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)));
}

/**
 * 95 % interval of the mean, by Student's t. Repeats of one task resemble each other, so with two or
 * more clusters the error is the clusters', not the single runs'.
 * @param values one per run
 * @param clusters the task of each run, same length
 * @returns null below two runs
 * @see Miller, "Adding Error Bars to Evals", arXiv:2411.00640, section 2.2
 */
export function interval95(values: readonly number[], clusters: readonly string[]): [number, number] | null {
  const n = values.length;
  if (n < 2) return null;
  const center = mean(values);
  const deviations = new Map<string, number>();
  values.forEach((value, i) => {
    const key = clusters[i] ?? '';
    deviations.set(key, (deviations.get(key) ?? 0) + (value - center));
  });
  const k = deviations.size;
  const isClustered = k > 1 && k < n;
  const squares = isClustered ? [...deviations.values()].map((d) => d * d) : values.map((value) => (value - center) ** 2);
  const groups = isClustered ? k : n;
  const error = Math.sqrt((sum(squares) * groups) / (groups - 1)) / n;
  const half = tQuantile975(groups - 1) * error;
  return [center - half, center + half];
}

const T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Upper 2.5 % point of Student's t; beyond the table by the Cornish-Fisher expansion, within 0.001. */
export function tQuantile975(df: number): number {
  const tabled = T_975[df - 1];
  if (tabled !== undefined) return tabled;
  const z = 1.959964;
  return (
    z +
    (z ** 3 + z) / (4 * df) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * df ** 3)
  );
}
