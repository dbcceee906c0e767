/** Entry of the thread that writes model calls and their replies: all that waits goes to the disk together. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from 'hud/protocol';
import { openDatabase } from '../../storage/database.ts';
import { writeCalls } from '../../storage/ledger/calls.ts';
import { writeRecordedCalls } from '../../storage/ledger/recorded.ts';
import type { ModelCallsTable, RecordedCallsTable } from '../../storage/schema/gateway.ts';
import { touchRun } from '../../storage/runs/touch-run.ts';
import { printRequest } from '../recording/recording-request.ts';
import type { Dialect } from '../seams.ts';

export interface ThreadData {
  /** Of the record. */
  directory: string;
  /** Of PostgreSQL, in place of the file in the folder. */
  url: string | undefined;
}

export interface ToThread {
  ticket: number;
  touches?: readonly GatewayTouch[];
  calls?: readonly ModelCallsTable[];
  recordings?: readonly RecordedCallBytes[];
  /** Of the recordings, one after the other: the request's body, then the reply. */
  bytes?: Uint8Array<ArrayBuffer>;
}

/** A run that a call named. */
export interface GatewayTouch {
  teamId: string;
  /** Of the trace, as it was told. */
  alias: string;
  model: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** A recorded call, whose bytes lie elsewhere. */
export interface RecordedCallBytes {
  id: string;
  teamId: string;
  traceId: string;
  dialect: Dialect;
  path: string;
  modelName: string;
  startedAt: number;
  bodyBytes: number;
  /** Of the reply here; 0 when a blob has it. */
  replyBytes: number;
  replyBlob: string | null;
  /** Of the reply, wherever it is. */
  sizeBytes: number;
}

/** These are on disk; with `error`, none of them is. The first message names none: the thread has begun. */
export interface FromThread {
  tickets: number[];
  error?: string;
}

const port = parentPort;
if (port === null) throw new TypeError('This file is the entry of a thread.');

const { directory, url } = workerData as ThreadData;
const { db } = await openDatabase({ directory, isMigrated: true, connections: 1, ...(url === undefined ? {} : { url }) });
let waiting: ToThread[] = [];
let working: Promise<void> | undefined;

port.on('message', (message: ToThread | null) => {
  if (message === null) {
    void close();
    return;
  }
  waiting.push(message);
  // What has arrived by now belongs together.
  working ??= new Promise<void>((resolve) => setImmediate(resolve)).then(work);
});

tell({ tickets: [] });

async function work(): Promise<void> {
  while (waiting.length > 0) {
    const messages = waiting;
    waiting = [];
    await write(messages);
  }
  working = undefined;
}

async function close(): Promise<void> {
  await working;
  await db.destroy();
  port?.close();
}

/** One transaction; what fails in company is tried once more by itself. */
async function write(messages: readonly ToThread[]): Promise<void> {
  const tickets = messages.map(({ ticket }) => ticket);
  try {
    const recorded = messages.flatMap(rowsOf); // hashed before the database is held up
    await db.transaction().execute(async (transaction) => {
      for (const { touches = [] } of messages)
        for (const { teamId, alias, model, at } of touches) await touchRun(transaction, teamId, { traceId: alias, model, now: at });
      for (const { calls = [] } of messages) await writeCalls(transaction, calls);
      await writeRecordedCalls(transaction, recorded);
    });
    tell({ tickets });
  } catch (error) {
    if (messages.length === 1) return tell({ tickets, error: messageOf(error) });
    for (const message of messages) await write([message]);
  }
}

function rowsOf({ recordings = [], bytes = EMPTY }: ToThread): RecordedCallsTable[] {
  let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const next = (length: number): Buffer => {
    const piece = rest.subarray(0, length);
    rest = rest.subarray(length);
    return piece;
  };
  return recordings.map(({ id, teamId, traceId, dialect, path, modelName, startedAt, bodyBytes, replyBytes, replyBlob, sizeBytes }) => {
    const { hash, parts } = printRequest({ dialect, path, model: { modelName }, body: next(bodyBytes) });
    const reply = next(replyBytes);
    return {
      id,
      team_id: teamId,
      trace_id: traceId,
      request_hash: hash,
      parts: JSON.stringify(parts),
      reply: replyBlob === null ? reply.toString('base64') : null,
      reply_blob: replyBlob,
      size_bytes: sizeBytes,
      started_at: startedAt,
    };
  });
}

const EMPTY = new Uint8Array();

function tell(message: FromThread): void {
  port?.postMessage(message);
}
