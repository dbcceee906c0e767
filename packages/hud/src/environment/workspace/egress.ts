/**
 * All that crosses the wall of a sandbox whose network namespace has only loopback: out to allowed hosts through the
 * proxy, out to declared peers, and in to published ports. What none of these names can't be reached at all.
 */
import { Socket, type Server } from 'node:net';
import type { Listener, Stream } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { splice } from '../../host/splice.ts';
import { openBridge, type Bridge } from './bridge.ts';
import type { Dialler } from './egress-dial.ts';
import { proxyEnv } from './egress-env.ts';
import { startEgressProxy, type EgressProxy } from './egress-proxy.ts';
import type { Blocked } from './egress-reply.ts';
import { addressPeers, PROXY_PORT, type Peer } from './hosts-file.ts';

export interface EgressOptions extends Dialler {
  /** Names with their subdomains, public addresses, `*` for every public host. None: no proxy. */
  allowedHosts: readonly string[];
  peers: readonly Peer[];
  /** Of the sandbox's 127.0.0.1, published at the same number on all addresses of this machine. */
  ports: readonly number[];
  localAliases: readonly string[];
  /** A process inside, seen from this machine. */
  sandboxPid: number;
  /** Of the sandbox's processes; acts only where this process is root. */
  identity?: { uid: number; gid: number } | undefined;
  /** Hears of what was refused, each thing once. Must not throw. */
  onWarning(message: string): void;
}

export interface Egress extends AsyncDisposable {
  /** For every command inside; empty without allowed hosts. */
  readonly env: Record<string, string>;
  /** Ends every connection through the wall. May be called twice. */
  close(): Promise<void>;
}

const PEER_DIAL_TIMEOUT_MS = 15_000;
/** To peers and to published ports together. */
const MAX_CONNECTIONS = 512;

/**
 * Starts nothing where there is nothing to let through.
 * @throws HudError BAD_ARGUMENT for hosts and peers that can't be, CAPABILITY_FAILED when the sandbox can't be
 *   joined, PORT_IN_USE for a published port
 */
export async function startEgress(options: EgressOptions): Promise<Egress> {
  const addresses = addressPeers(options.peers, options.ports);
  const proxy = options.allowedHosts.length > 0 ? openProxy(options) : undefined;
  const doors = [
    ...(proxy ? [{ address: '127.0.0.1', port: PROXY_PORT, enter: (socket: Socket) => proxy.accept(socket) }] : []),
    ...options.peers.map((peer) => ({
      address: addresses.get(peer.name) ?? '127.0.0.1',
      port: peer.port,
      enter: (socket: Socket) => void crossings.add(socket, () => dialPeer(peer)),
    })),
  ];
  const crossings = new Crossings();
  const env = proxyEnv(options);
  if (doors.length === 0 && options.ports.length === 0) return { env, close: noop, [Symbol.asyncDispose]: noop };
  const { sandboxPid, identity } = options;
  const bridge = await openBridge({ sandboxPid, identity, listen: doors, dials: options.ports.length > 0 });
  for (const [index, { enter }] of doors.entries()) serve(bridge.servers[index], enter);
  const published: Listener[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll({ bridge, proxy, published, crossings }));
  try {
    for (const port of options.ports) {
      published.push(
        await nodeHost.listen({ host: '0.0.0.0', port }, (stream) => {
          void crossings.add(stream, () => bridge.dial(port));
        }),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { env, close, [Symbol.asyncDispose]: close };
}

const noop = async (): Promise<void> => {};

function serve(server: Server | undefined, enter: (socket: Socket) => void): void {
  server?.on('error', () => {}); // an accept that fails (no descriptors left) must not end the process
  server?.on('connection', enter);
}

function openProxy(options: EgressOptions): EgressProxy {
  return startEgressProxy({ ...options, onBlocked: (blocked) => options.onWarning(warningOf(blocked)) });
}

function warningOf({ host, reason }: Blocked): string {
  return `The sandbox was refused ${host}: ${WHY[reason]}.`;
}

const WHY = {
  'blocked-by-allowlist': 'it is not among the allowed hosts',
  'blocked-by-address': 'its address is not on the public internet',
  'blocked-by-server-name': 'a tunnel to another host asked for it by TLS, and it is not among the allowed hosts',
  'invalid-target': 'it is no address of a web server',
} as const satisfies Record<Blocked['reason'], string>;

function dialPeer({ port, target }: Peer): Promise<Stream> {
  return nodeHost.dial({ host: target?.host ?? '127.0.0.1', port: target?.port ?? port, timeoutMs: PEER_DIAL_TIMEOUT_MS });
}

/** Pairs of connections, one on each side of the wall. */
class Crossings {
  readonly #open = new Set<Stream>();

  /** Never rejects. */
  async add(from: Stream, dial: () => Promise<Stream>): Promise<void> {
    ready(from);
    if (this.#open.size >= MAX_CONNECTIONS) {
      from.destroy();
      return;
    }
    this.#open.add(from);
    let to: Stream | undefined;
    try {
      to = await dial();
      ready(to);
      await splice(from, to);
    } catch {
      // nobody answers on the other side; whoever connected sees it by the close
    } finally {
      from.destroy();
      to?.destroy();
      this.#open.delete(from);
    }
  }

  close(): void {
    for (const stream of this.#open) stream.destroy();
  }
}

function ready(stream: Stream): void {
  stream.allowHalfOpen = true;
  stream.on('error', () => stream.destroy());
  if (stream instanceof Socket) stream.setNoDelay(true);
}

interface Parts {
  bridge: Bridge;
  proxy: EgressProxy | undefined;
  published: readonly Listener[];
  crossings: Crossings;
}

async function closeAll({ bridge, proxy, published, crossings }: Parts): Promise<void> {
  crossings.close();
  await Promise.allSettled([bridge.close(), proxy?.close(), ...published.map((listener) => listener.close())]);
}
