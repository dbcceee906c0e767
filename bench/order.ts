/** In which order a block takes its samples. */

/** `A` is ours, `B` the reference. */
export type Letter = 'A' | 'B';

/** A B B A or B A A B: each side has as much of an even drift as the other. */
export function blockOrder(random: () => number): Letter[] {
  return random() < 0.5 ? ['A', 'B', 'B', 'A'] : ['B', 'A', 'A', 'B'];
}
