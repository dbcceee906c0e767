/** Bodies of ordinary requests: read whole, within limits for each and for all together, and only then parsed. */
import type { IncomingMessage } from 'node:http';
import { api, decode, parseJson } from 'hud/protocol';
import type { Config } from '../config.ts';
import { Fault } from '../fault.ts';
import { Held, type Load } from './ingest/load.ts';
import { assertShallow } from './ingest/nesting.ts';
import { readLargeBody } from './large-body/index.ts';
import { textOf } from './large-body/taken.ts';

const MIB = 1_048_576;
/** Of one body: a few bytes of text can become fifty of memory each, and a taskset has many tasks. */
const MOST_VALUES = 8_000_000;

interface Reading {
  limits: Pick<Config, 'HUD_PLATFORM_MAX_UPLOAD_MB' | 'HUD_PLATFORM_MAX_BODY_MB'>;
  held: Held;
  /** The request as Node has it. */
  incoming: IncomingMessage | undefined;
}

/**
 * An absent body is an empty object, as the Python package sends some requests.
 * @throws Fault 400, 413, 415, 503; HudError PROTOCOL_ERROR for what the route does not take
 */
export async function readBody(request: Request, route: api.RouteSpec, { limits, held, incoming }: Reading): Promise<unknown> {
  const body = route.body as NonNullable<api.RouteSpec['body']>;
  if (route.isLarge === true) return decode(body, await readLargeBody(request, { limits, held, incoming }), { what: 'The body' });
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity')
    throw new Fault(415, `This route reads no bodies that are encoded as ${encoding.slice(0, 40)}. Send it as it is.`);
  const most = route.isLossless === true ? limits.HUD_PLATFORM_MAX_UPLOAD_MB : limits.HUD_PLATFORM_MAX_BODY_MB;
  const bytes = await readBytes(request, most * MIB, held);
  const value = bytes.length === 0 ? {} : readText(bytes, request, route);
  return decode(body, value, { what: 'The body' });
}

function readText(bytes: Uint8Array, { headers }: Request, { isForm, isLossless }: api.RouteSpec): unknown {
  const isSent = headers.get('content-type')?.startsWith('application/x-www-form-urlencoded') === true;
  if (isForm === true && isSent) return Object.fromEntries(new URLSearchParams(textOf(bytes)));
  assertShallow(bytes, MOST_VALUES);
  return parseJson(textOf(bytes), { lossless: isLossless === true });
}

/**
 * @param held counts it among all that is in memory, until the request is answered
 * @throws Fault 413 as soon as there is more than `most`, 503 when all requests together hold too much
 */
export async function readBytes(request: Request, most: number, held: Held): Promise<Uint8Array> {
  const tooLarge = (): Fault => new Fault(413, `The body is larger than ${Math.floor(most / MIB)} MiB.`);
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > most) throw tooLarge();
    held.take(part.length);
    parts.push(part);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** Runs `answer` with room for a body, which is free again afterwards. */
export async function holding<T>(load: Load, answer: (held: Held) => Promise<T>): Promise<T> {
  const held = new Held(load);
  try {
    return await answer(held);
  } finally {
    held.giveAll();
  }
}
