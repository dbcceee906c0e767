/** Between a record and its row: snake_case columns, objects as JSON text, absent members as NULL. */
import type { z } from 'zod';
import { decode, encode } from '../protocol/codec.ts';
import { HudError, toHudError } from '../protocol/errors.ts';
import { parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';

export type Cell = string | number | null;
export type Row = Record<string, Cell>;

/** @throws HudError BAD_ARGUMENT for NaN and infinite numbers, which would be read back as absent */
export function toRow<S extends z.ZodType>(schema: S, record: z.input<S>): Row {
  const row: Row = {};
  for (const [column, value] of Object.entries(encode(schema, record) as JsonObject)) row[column] = toCell(value, column);
  return row;
}

export interface ReadOptions {
  /** Columns whose text is JSON. @default none */
  json?: readonly string[];
  /** Keep what a double loses, see `parseJson`. @default false */
  lossless?: boolean;
}

/** @throws HudError STORE_DAMAGED for a row that is none of ours */
export function fromRow<S extends z.ZodType>(schema: S, row: Row, { json = [], lossless = false }: ReadOptions = {}): z.output<S> {
  const wire: JsonObject = {};
  for (const [column, value] of Object.entries(row)) {
    if (value !== null) wire[column] = json.includes(column) ? parseCell(value, lossless) : value;
  }
  return decode(schema, wire, { what: 'A row of the store', code: 'STORE_DAMAGED' });
}

/** @throws HudError STORE_DAMAGED */
export function parseCell(cell: Cell | undefined, lossless = false): unknown {
  try {
    return parseJson(String(cell), { lossless });
  } catch (error) {
    throw new HudError('STORE_DAMAGED', `A row of the store holds broken data: ${toHudError(error).message}`, { cause: error });
  }
}

function toCell(value: unknown, column: string): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new HudError('BAD_ARGUMENT', `${column} is ${value}; only finite numbers can be recorded.`);
  }
  return typeof value === 'string' || typeof value === 'number' ? value : stringifyJson(value);
}
