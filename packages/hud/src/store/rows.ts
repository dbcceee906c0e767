/** Between a record and its row: snake_case columns, objects as JSON text, absent members as NULL. */
import type { z } from 'zod';
import { decode, encode } from '../protocol/codec.ts';
import { parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';

export type Cell = string | number | null;
export type Row = Record<string, Cell>;

export function toRow<S extends z.ZodType>(schema: S, record: z.input<S>): Row {
  const row: Row = {};
  for (const [column, value] of Object.entries(encode(schema, record) as JsonObject)) row[column] = toCell(value);
  return row;
}

export function toCell(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' || typeof value === 'number' ? value : stringifyJson(value);
}

/** @param jsonColumns columns whose text is JSON */
export function fromRow<S extends z.ZodType>(schema: S, row: Row, jsonColumns: readonly string[]): z.output<S> {
  const wire: JsonObject = {};
  for (const [column, value] of Object.entries(row)) {
    if (value !== null) wire[column] = jsonColumns.includes(column) ? parseJson(value as string) : value;
  }
  return decode(schema, wire, { what: 'A row of the store', code: 'STORE_DAMAGED' });
}
