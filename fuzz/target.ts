/** What can be fuzzed: makes inputs, and knows what must hold for each. An input is bytes, so that it fits a file. */
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /** Share of a run's inputs, against those of the other targets. */
  readonly weight: number;
  /** Ending of its corpus files, with the dot. */
  readonly extension: string;
  /** A fresh input, or one of `pool` with changes. The same numbers make the same input. */
  generate(random: Random, pool: readonly Uint8Array[]): Uint8Array;
  /**
   * Gives the input to the product.
   * @returns the outcome's class, such as an error's code and the shape of its message
   * @throws Failure, or anything that the product should not have thrown
   */
  check(input: Uint8Array): string | Promise<string>;
  /** Failures that are known and not mended yet, by signature: told, but no reason for a run to fail. */
  readonly known?: Readonly<Record<string, string>>;
  /** The parts that the minimiser leaves out one by one. @default its bytes */
  readonly parts?: Parts;
  open?(): Promise<void>;
  close?(): Promise<void>;
}

export interface Parts {
  split(input: Uint8Array): unknown[];
  join(parts: readonly unknown[]): Uint8Array;
}

/** Something that must hold did not. The message starts with what, the details come after. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(what: string, details = '') {
    super(details === '' ? what : `${what}\n${details}`);
  }
}

/** A message without what differs from input to input: quoted text, numbers, paths, letters out of the input. */
export function shapeOf(message: string): string {
  const [first = ''] = message.split('\n');
  return first
    .replace(/"(?:[^"\\]|\\.)*"?/g, '"…"')
    .replace(/(?<![a-z])'.*'/g, "'…'")
    .replace(/(?<=[\s(]|^)\/[^\s:]+/g, '/…')
    .replace(/Unexpected (?:non-whitespace character|token).*/, 'Unexpected token')
    .replace(/\b[0-9a-f]{8,}\b/g, '…')
    .replace(/-?\d+(?:\.\d+)?/g, '9')
    .slice(0, 100);
}

/** Groups failures that are most likely the same fault. */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error}`;
  return error instanceof Failure ? shapeOf(error.message) : `${error.name}: ${shapeOf(error.message)}`;
}

/** A list written as JSON, one part a line. */
export const jsonParts: Parts = {
  split: (input) => JSON.parse(Buffer.from(input).toString()) as unknown[],
  join: (parts) => Buffer.from(`[\n${parts.map((part) => JSON.stringify(part)).join(',\n')}\n]\n`),
};
