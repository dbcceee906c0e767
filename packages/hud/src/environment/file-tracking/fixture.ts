/** A tracked folder and a connection to its tracker, for tests. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { startFileTracking } from './server.ts';
import type { Capture } from './capture.ts';
import type { Diff } from './difference.ts';

export interface Tracked extends AsyncDisposable {
  root: string;
  port: number;
  warnings: string[];
  write(path: string, content: string | Uint8Array): string;
  call(method: string): Promise<unknown>;
  diff(): Promise<Diff>;
  setup(): Promise<Diff>;
  flush(): Promise<{ diff: Diff; capture: Capture }>;
  snapshot(): Promise<{ files: { path: string; size: number; content_hash: string }[]; files_scanned: number }>;
}

/** @param files by path, there before the baseline is taken */
export async function track(files: Record<string, string> = {}): Promise<Tracked> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'hud-')));
  const write = (path: string, content: string | Uint8Array): string => {
    const absolute = join(root, path);
    mkdirSync(dirname(absolute), { recursive: true });
    writeFileSync(absolute, content);
    return absolute;
  };
  for (const [path, content] of Object.entries(files)) write(path, content);
  const warnings: string[] = [];
  const server = await startFileTracking({ root, onWarning: (message) => warnings.push(message) });
  const peer = dial(server.port);
  let id = 0;
  const call = async (method: string): Promise<unknown> => {
    id += 1;
    const reply = await peer.exchange({ jsonrpc: '2.0', id, method });
    if (reply.error !== undefined) throw new Error(JSON.stringify(reply.error));
    return reply.result;
  };
  return {
    root,
    port: server.port,
    warnings,
    write,
    call,
    diff: async () => (await call('diff')) as Diff,
    setup: async () => (await call('setup')) as Diff,
    flush: async () => (await call('flush')) as { diff: Diff; capture: Capture },
    snapshot: async () => (await call('snapshot')) as Awaited<ReturnType<Tracked['snapshot']>>,
    [Symbol.asyncDispose]: async () => {
      peer.socket.destroy();
      await server.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

interface RawPeer {
  socket: Socket;
  /** Writes one line and reads one. */
  exchange(message: object): Promise<{ id?: unknown; result?: unknown; error?: unknown }>;
}

export function dial(port: number): RawPeer {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    socket,
    exchange: async (message) => {
      socket.write(`${JSON.stringify(message)}\n`);
      const line = await lines.next();
      if (line.done) throw new Error('the server closed the connection');
      return JSON.parse(line.value) as { id?: unknown; result?: unknown; error?: unknown };
    },
  };
}
