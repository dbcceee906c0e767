/** Tells a tool that takes its time from a server that is gone, by pinging the server while it works. */
import { sleep, withDeadline } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { HudError } from '../protocol/errors.ts';

/** Most calls are over by then, and a ping that is answered later was answered beside the tool, not before it. */
const FIRST_PING_MS = 100;
/** Shares of the patience: a pause between pings, then the wait for an answer. */
const PAUSE = 0.3;
const ANSWER = 1 - PAUSE;
/** Timers run before sockets are read: what came while this process was stopped or busy is read within this time. */
const LAST_CALL_MS = 200;

export interface WatchOptions {
  /** Resolves with any answer, rejects when nobody can be reached. */
  ping(signal: AbortSignal): Promise<void>;
  /** Longest silence of a server that has answered once during the call, in milliseconds. */
  patienceMs: number;
  /** Fires when the call is over. */
  signal: AbortSignal;
  /** Says what happened: `the server stopped answering`. */
  onSilence(): HudError;
}

/**
 * Rejects when the server is gone, else with the signal's reason. A server that answers no ping at all may be
 * busy inside the tool, as one that does one thing at a time is: then only the call's own limit ends the wait.
 */
export async function watchServer({ ping, patienceMs, signal, onSilence }: WatchOptions): Promise<never> {
  await sleep(nodeHost, Math.min(FIRST_PING_MS, patienceMs * PAUSE), signal);
  await ping(signal);
  for (;;) {
    await sleep(nodeHost, patienceMs * PAUSE, signal);
    await answered(ping(signal), patienceMs * ANSWER, onSilence);
  }
}

async function answered(answer: Promise<void>, ms: number, onSilence: () => HudError): Promise<void> {
  const silence = onSilence();
  try {
    await withDeadline(nodeHost, answer, ms, () => silence);
  } catch (error) {
    if (error !== silence) throw error;
    await withDeadline(nodeHost, answer, LAST_CALL_MS, () => silence);
  }
}
