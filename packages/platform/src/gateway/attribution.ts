/** Which run a call belongs to, and that the record knows of it. */
import type { IncomingHttpHeaders } from 'node:http';
import { messageOf, normalizeTraceId } from 'hud/protocol';
import type { Caller } from '../caller.ts';
import type { Context } from '../context.ts';
import { callWriterOf } from './ledger/call-writer.ts';
import type { GatewayTouch } from './ledger/call-writer-thread.ts';
import { touchRun } from '../storage/runs/touch-run.ts';

export interface Attribution {
  /** 32 hex digits. */
  traceId: string;
  /** As it was told. */
  alias: string;
  /** The record shall know it. A `traceparent` alone makes no run: any instrumented client sends one with every request. */
  isRun: boolean;
}

/** A key that was made for one trace has that one, whatever the request says. An empty header names none. */
export function attributionOf(caller: Caller, headers: IncomingHttpHeaders): Attribution | undefined {
  if (caller.traceId !== undefined) return { traceId: caller.traceId, alias: caller.traceId, isRun: true };
  const told = headers['trace-id'];
  if (typeof told === 'string' && told.trim() !== '') return { traceId: normalizeTraceId(told.trim()), alias: told.trim(), isRun: true };
  const parent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-/.exec((headers.traceparent as string | undefined) ?? '')?.[1];
  return parent === undefined || /^0+$/.test(parent) ? undefined : { traceId: parent, alias: parent, isRun: false };
}

export interface RunTouches {
  /** In the background: the record gets the run, and the time of its last news. */
  touch(teamId: string, run: Attribution, model: string): void;
  /** What waited is written when it resolves. */
  close(): Promise<void>;
}

/** How often one run is touched, in milliseconds. */
const EVERY_MS = 10_000;
/** How long touches are gathered. */
const GATHER_MS = 15;
const MOST_REMEMBERED = 20_000;
const MOST_WAITING = 5_000;
const BATCH = 100;

type TouchContext = Pick<Context, 'db' | 'log' | 'now' | 'config'>;

export function openRunTouches(context: TouchContext): RunTouches {
  const { log, now } = context;
  const touchedAt = new Map<string, number>();
  let waiting: GatewayTouch[] = [];
  let working: Promise<void> | undefined;
  let hurry = (): void => {};
  const work = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      hurry = resolve;
      setTimeout(resolve, GATHER_MS);
    });
    while (waiting.length > 0) {
      const touches = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        await write(context, touches);
      } catch (error) {
        log.error('runs named by model calls were not recorded', { count: touches.length, reason: messageOf(error) });
      }
    }
    working = undefined;
  };
  return {
    touch: (teamId, { traceId, alias, isRun }, model) => {
      const key = `${teamId} ${traceId}`;
      const at = now();
      if (!isRun || at - (touchedAt.get(key) ?? 0) < EVERY_MS) return;
      if (waiting.length >= MOST_WAITING) return log.warn('too many new runs at once; one is recorded with its next call');
      touchedAt.delete(key);
      touchedAt.set(key, at);
      if (touchedAt.size > MOST_REMEMBERED) touchedAt.delete(touchedAt.keys().next().value ?? '');
      waiting.push({ teamId, alias, model, at });
      working ??= work();
    },
    close: async () => {
      hurry();
      await working;
    },
  };
}

async function write(context: TouchContext, touches: readonly GatewayTouch[]): Promise<void> {
  const writer = callWriterOf(context);
  if (writer.isReady) return await writer.writeTouches(touches);
  for (const { teamId, alias, model, at } of touches) await touchRun(context.db, teamId, { traceId: alias, model, now: at });
}
