/**
 * The thread in which files are tracked: scans use the system's blocking calls, which are several times faster, and
 * the queue of file events is this thread's alone. Requests are answered one after the other.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../protocol/errors.ts';
import { Tracker } from './tracker.ts';

export interface TrackRequest {
  /** Whom the answer is for. */
  ticket: number;
  method: string;
}

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'failed'; message: string }
  | { kind: 'warning'; message: string }
  /** `json` is the result's text. */
  | { kind: 'answer'; ticket: number; json: Uint8Array<ArrayBuffer> }
  | { kind: 'refusal'; ticket: number; message: string };

const port = parentPort;
if (port === null) throw new Error('This program runs as a thread of an environment that tracks files.');
const say = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

try {
  serve(
    new Tracker({
      ...(workerData as { root: string; directory: string }),
      onWarning: (message) => say({ kind: 'warning', message }),
    }),
  );
  say({ kind: 'ready' });
} catch (error) {
  say({ kind: 'failed', message: messageOf(error) });
}

function serve(tracker: Tracker): void {
  let last = Promise.resolve();
  port?.on('message', (request: TrackRequest | 'close') => {
    if (request === 'close') {
      tracker[Symbol.dispose]();
      port.close();
      return;
    }
    last = last.then(() => answer(tracker, request));
  });
}

/** Never rejects: one call that fails leaves the others as they are. */
async function answer(tracker: Tracker, { ticket, method }: TrackRequest): Promise<void> {
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(await call(tracker, method)));
    say({ kind: 'answer', ticket, json: bytes }, [bytes.buffer]);
  } catch (error) {
    say({ kind: 'refusal', ticket, message: messageOf(error) });
  }
}

async function call(tracker: Tracker, method: string): Promise<unknown> {
  switch (method) {
    case 'setup':
      return await tracker.setup();
    case 'advance':
      return await tracker.advance();
    case 'snapshot':
      return tracker.snapshot();
    case 'diff':
      return await tracker.diff();
    case 'flush':
      return await tracker.flush();
    default:
      throw new Error(`unknown filetracking method: '${method}'`);
  }
}
