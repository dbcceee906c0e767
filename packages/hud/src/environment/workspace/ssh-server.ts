/**
 * An SSH server in front of a sandbox: commands and shells for whoever holds the key, and nothing else.
 * `ssh-auth.ts` decides who may, `ssh-session.ts` serves one channel.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Connection, ServerConfig } from 'ssh2';
import { gatherWrites, keepKeys } from '../../host/ssh-transport.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import type { Sandbox } from './sandbox.ts';
import { authenticate, parseAuthorizedKeys } from './ssh-auth.ts';
import { serveSession, type ServedSession } from './ssh-session.ts';

export interface SshServerOptions {
  /** Where commands run; asked for each of them. */
  sandbox(): Promise<Sandbox>;
  /** Private ed25519 key, OpenSSH's text form. */
  hostKey: string;
  /** Public ed25519 keys, one line each; any user name may come with them. */
  authorizedKeys: readonly string[];
  host: string;
  /** 0 takes a free one. */
  port: number;
}

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections and what runs on them; new ones are welcome. */
  dropAll(): Promise<void>;
  /** Ends its connections and their commands. May be called twice. */
  close(): Promise<void>;
}

/** Strictly what has no known weakness. The MACs are for form's sake: each of the ciphers authenticates by itself. */
const ALGORITHMS = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org'],
  serverHostKey: ['ssh-ed25519'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
} as NonNullable<ServerConfig['algorithms']>;

const KEEPALIVE = { keepaliveInterval: 30_000, keepaliveCountMax: 4 };
const BACKLOG = 1_024;
/** Connections that have not logged in; when there are more, the oldest goes. */
const MAX_STRANGERS = 1_024;
const LOGIN_MS = 30_000;
const GOODBYE_MS = 1_000;
const CLOSE_MS = 5_000;

interface Peer {
  socket: Socket;
  sessions: Set<ServedSession>;
  /** Until it has logged in. */
  deadline: Disposable;
}

/** @throws HudError PORT_IN_USE, BAD_ARGUMENT */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const ssh2 = (await import('ssh2')).default;
  const keys = parseAuthorizedKeys(ssh2.utils, options.authorizedKeys);
  const config: ServerConfig = { hostKeys: [options.hostKey], ident: 'hud', algorithms: ALGORITHMS };
  const peers = new Map<string, Peer>();
  const strangers = new Set<Peer>();
  const protocol = new ssh2.Server({ ...config, ...KEEPALIVE }, (client, { ip, port }) => {
    const peer = peers.get(keyOf(ip, port));
    if (peer === undefined) client.end(); // its socket has gone meanwhile
    else greet(client, peer);
  });

  function greet(client: Connection, peer: Peer): void {
    client.on('error', () => endSoon(peer.socket)); // broken input, a broken transport, silence
    client.on('handshake', () => keepKeys(client));
    client.on(
      'authentication',
      authenticate(keys, () => peer.socket.destroy()),
    );
    client.on('ready', () => {
      strangers.delete(peer);
      peer.deadline[Symbol.dispose]();
    });
    client.on('session', (accept) => {
      const session = serveSession(accept(), options.sandbox);
      peer.sessions.add(session);
      void session.ended.then(() => peer.sessions.delete(session));
    });
  }

  const listener = createServer({ noDelay: true }, (socket) => {
    const key = keyOf(socket.remoteAddress, socket.remotePort);
    const peer: Peer = { socket, sessions: new Set(), deadline: nodeHost.setTimer(LOGIN_MS, () => socket.destroy()) };
    peers.set(key, peer);
    strangers.add(peer);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      peer.deadline[Symbol.dispose]();
      peers.delete(key);
      strangers.delete(peer);
      for (const session of peer.sessions) session.drop();
    });
    const [oldest] = strangers;
    if (strangers.size > MAX_STRANGERS) oldest?.socket.destroy();
    gatherWrites(socket);
    protocol.injectSocket(socket);
  });
  await listen(listener, options);

  async function close(): Promise<void> {
    const closed = once(listener, 'close', { signal: AbortSignal.timeout(CLOSE_MS) });
    listener.close();
    await Promise.all([closed, dropAll()]);
  }

  async function dropAll(): Promise<void> {
    const sessions = [...peers.values()].flatMap((peer) => [...peer.sessions]);
    for (const session of sessions) session.drop();
    for (const { socket } of peers.values()) socket.destroy();
    await Promise.all(sessions.map((session) => session.ended));
  }

  let closing: Promise<void> | undefined;
  const closeOnce = (): Promise<void> => (closing ??= close());
  return { port: (listener.address() as AddressInfo).port, dropAll, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
}

function keyOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`;
}

/** What was written goes out, and a peer that does not hang up is hung up on. */
function endSoon(socket: Socket): void {
  socket.end();
  const timer = nodeHost.setTimer(GOODBYE_MS, () => socket.destroy());
  socket.once('close', () => timer.cancel());
}

async function listen(listener: ReturnType<typeof createServer>, { host, port }: SshServerOptions): Promise<void> {
  listener.listen({ host, port, backlog: BACKLOG });
  try {
    await once(listener, 'listening');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') {
      throw new HudError('PORT_IN_USE', `The workspace can't listen on ${host}:${port}: something else does.`, {
        hint: 'Leave the port out to take a free one.',
        cause,
      });
    }
    throw new HudError('BAD_ARGUMENT', `The workspace can't listen on ${host}:${port}: ${messageOf(cause)}`, { cause });
  }
  listener.on('error', () => {}); // a failed accept, e.g. without descriptors, concerns that connection alone
}
