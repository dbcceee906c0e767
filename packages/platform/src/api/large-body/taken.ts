/** A body whose lists of numbers were taken out of it. */
import { parseJson, placeLists, type NumberList } from 'hud/protocol';
import { Fault } from '../../fault.ts';
import { assertShallow } from '../ingest/nesting.ts';

export interface Taken {
  /** As it was parsed, with the mark and a number for each list. */
  value: unknown;
  mark: string;
  lists: readonly NumberList[];
}

export interface TakingLimits {
  /** Bytes of what is no list of numbers. */
  mostText: number;
  /** Bytes of all lists together, as they are in memory. */
  mostNumbers: number;
  mostLists: number;
  /** Told how many more bytes are held. @throws Fault when there is no room */
  take: (bytes: number) => void;
}

/** A few bytes of text can become fifty of memory each. */
const MOST_VALUES = 8_000_000;

/** @throws Fault 400, HudError PROTOCOL_ERROR for what is no JSON, or none that is safe to parse */
export function parseText(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return {};
  assertShallow(bytes, MOST_VALUES);
  return parseJson(textOf(bytes));
}

export function whole({ value, mark, lists }: Taken): unknown {
  return lists.length === 0 ? value : placeLists(value, mark, lists);
}

/** @throws Fault 400 */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault(400, 'The body is not UTF-8.', { cause });
  }
}
