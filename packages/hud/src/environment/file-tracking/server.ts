/** Serves `filetracking/1`: one JSON-RPC request a line, without parameters; all connections share one tracker. */
import { nodeHost } from '../../host/node.ts';
import type { Stream } from '../../host/host.ts';
import { isHudError, messageOf } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { FrameStream } from '../frame-stream.ts';
import { startTrackingThread, type TrackingThread } from './tracking-thread.ts';

export interface FileTrackingOptions {
  /** Folder whose files are tracked; exists. */
  root: string;
  /** @default '127.0.0.1' */
  host?: string;
  /** @default 0, any free one */
  port?: number;
  /** Hears of what makes tracking slower, coarser or impossible. */
  onWarning(message: string): void;
}

export interface FileTracking {
  /** `tcp://host:port` */
  url: string;
  port: number;
  /** May be called twice. */
  close(): Promise<void>;
}

const MAX_REQUEST_BYTES = 64 * 1024;
const METHOD_NOT_DONE = -32000;

/**
 * Settles when the baseline is taken and connections are answered.
 * @throws HudError CAPABILITY_FAILED without such a folder, PORT_IN_USE, RUNTIME_UNREACHABLE
 */
export async function startFileTracking(options: FileTrackingOptions): Promise<FileTracking> {
  const { root, host = '127.0.0.1', port = 0, onWarning } = options;
  const thread = await startTrackingThread(root, onWarning);
  const open = new Set<FrameStream>();
  try {
    const listener = await nodeHost.listen({ host, port }, (stream) => {
      const connection = new FrameStream(stream, MAX_REQUEST_BYTES);
      open.add(connection);
      stream.once('close', () => open.delete(connection));
      void answerAll(connection, thread);
    });
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => (closed ??= stop());
    const stop = async (): Promise<void> => {
      for (const { stream } of open) stream.destroy();
      await Promise.all([listener.close(), thread.close()]);
    };
    return { url: `tcp://${host}:${listener.port}`, port: listener.port, close };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Never rejects. A peer that sends what is no request, or is gone, loses its connection and nothing else. */
async function answerAll(connection: FrameStream, thread: TrackingThread): Promise<void> {
  try {
    for (let request = await connection.next(); request !== undefined; request = await connection.next()) {
      await answer(connection, request, thread);
    }
    connection.close(nodeHost);
  } catch (error) {
    connection.stream.destroy();
    if (!isHudError(error)) throw error;
  }
}

async function answer(connection: FrameStream, { id, method }: JsonObject, thread: TrackingThread): Promise<void> {
  let reply: Uint8Array[];
  try {
    const result = await thread.call(typeof method === 'string' ? method : '');
    reply = [bytesOf(`{"jsonrpc":"2.0","id":${String(id)},"result":`), result, bytesOf('}\n')];
  } catch (error) {
    const failure = { code: METHOD_NOT_DONE, message: messageOf(error) };
    reply = [bytesOf(`${JSON.stringify({ jsonrpc: '2.0', id, error: failure })}\n`)];
  }
  // Others don't get one: a text as id is as good as none.
  if (isInteger(id)) await send(connection, reply);
}

function isInteger(id: unknown): boolean {
  return Number.isSafeInteger(id) || typeof id === 'bigint';
}

async function send(connection: FrameStream, parts: readonly Uint8Array[]): Promise<void> {
  const { stream }: { stream: Stream } = connection;
  stream.cork();
  for (const part of parts.slice(0, -1)) stream.write(part);
  process.nextTick(() => stream.uncork());
  await connection.writeBytes(parts.at(-1) ?? new Uint8Array(0));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
