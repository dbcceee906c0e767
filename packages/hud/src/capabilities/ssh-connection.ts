/** One transport to an SSH server, dialled again before the next command when it is gone. */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import { gatherWrites, keepKeys } from '../host/ssh-transport.ts';
import { sleep, withDeadline, withSignal } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, isHudError, messageOf } from '../protocol/errors.ts';
import { exitOf, type Exit, type Losses } from './ssh-exit.ts';

export interface SshTarget {
  /** Of the capability, for messages. */
  name: string;
  host: string;
  port: number;
  user: string;
  /** Its public key; anything is accepted without one. */
  hostKey?: { type: string; blob: Buffer };
  /** Read anew for each connection. */
  login(): Promise<NonNullable<ConnectConfig['authHandler']>>;
}

export interface ChannelRequest {
  command: string;
  pty?: { term?: string; cols: number; rows: number } | undefined;
  signal?: AbortSignal | undefined;
}

const WAITS_MS = [250, 500];
const DIAL_MS = 20_000;
const GOODBYE_MS = 1_000;
const KEEPALIVE_MS = 15_000;
const KEEPALIVE_MISSES = 4;

const ALGORITHMS: ConnectConfig['algorithms'] = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};
const HOST_KEYS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'];

export interface Link {
  client: Client;
  isClosed: boolean;
  losses: Losses;
}

export interface Running {
  channel: ClientChannel;
  /** @throws HudError CONNECTION_LOST when the server did not say it; need not be waited for */
  exited: Promise<Exit>;
  losses: Losses;
}

export class SshConnection {
  readonly #target: SshTarget;
  #link: Link | undefined;
  #dialling: Promise<Link> | undefined;
  #isClosed = false;

  constructor(target: SshTarget) {
    this.#target = target;
  }

  /**
   * A connected transport: the present one, else a new one after up to three dials.
   * @throws HudError CONNECTION_LOST; CAPABILITY_FAILED for a refused login or a wrong host key
   */
  async connect(signal?: AbortSignal): Promise<Link> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new HudError('CONNECTION_LOST', `The client of '${this.#target.name}' was closed.`);
    if (this.#link !== undefined && !this.#link.isClosed) return this.#link;
    this.#dialling ??= this.#redial().finally(() => (this.#dialling = undefined));
    return await withSignal(this.#dialling, signal);
  }

  /**
   * Starts a command.
   * @throws HudError CONNECTION_LOST when the server refuses the channel or is gone; nothing was started then, as far as can be known
   */
  async exec({ command, pty, signal }: ChannelRequest): Promise<Running> {
    const link = await this.connect(signal);
    const opened = openChannel(link, this.#target.name, { command, pty }).catch((cause: unknown) => {
      throw new HudError('CONNECTION_LOST', `'${this.#target.name}' opened no channel for a command: ${messageOf(cause)}.`, { cause });
    });
    try {
      return await withSignal(opened, signal);
    } catch (error) {
      opened.then(
        ({ channel }) => channel.close(),
        () => {}, // it was told above
      );
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const dialling = this.#dialling;
    if (dialling !== undefined) await dialling.catch(() => {}); // whoever waits for it is told
    const link = this.#link;
    if (link === undefined || link.isClosed) return;
    const closed = new Promise<void>((resolve) => link.losses.add(() => resolve()));
    link.client.end();
    await withDeadline(nodeHost, closed, GOODBYE_MS, () => new Error('no goodbye')).catch(() => link.client.destroy());
  }

  async #redial(): Promise<Link> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const link = await dial(this.#target);
        this.#link = link;
        return link;
      } catch (error) {
        const waitMs = WAITS_MS[attempt];
        if (isHudError(error)) throw error;
        if (waitMs === undefined || this.#isClosed) {
          const { name, host, port } = this.#target;
          throw new HudError('CONNECTION_LOST', `'${name}' can't be reached at ${host}:${port}: ${messageOf(error)}`, { cause: error });
        }
        await sleep(nodeHost, waitMs);
      }
    }
  }
}

async function dial(target: SshTarget): Promise<Link> {
  const ssh2 = (await import('ssh2')).default;
  const socket = createConnection({ host: target.host, port: target.port, noDelay: true });
  try {
    await withDeadline(nodeHost, once(socket, 'connect'), DIAL_MS, () => new Error(`no connection within ${DIAL_MS / 1000} s`));
    gatherWrites(socket);
    return await handshake(target, new ssh2.Client(), socket);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function handshake(target: SshTarget, client: Client, socket: Socket): Promise<Link> {
  const link: Link = { client, isClosed: false, losses: new Set() };
  let isStranger = false;
  let reason = 'the connection was closed';
  const { hostKey } = target;
  const authHandler = await target.login();
  const ready = new Promise<void>((resolve, reject) => {
    client.on('handshake', () => keepKeys(client));
    client.once('ready', resolve);
    client.once('close', () => {
      link.isClosed = true;
      for (const lost of link.losses) lost(reason);
      reject(new Error(reason));
    });
    client.on('error', (error: Error & { level?: string }) => {
      reason = messageOf(error);
      link.isClosed = true;
      reject(isStranger ? wrongHostKey(target, error) : error.level === 'client-authentication' ? refused(target, error) : error);
      socket.destroy(); // not left to a peer that may never close
    });
  });
  client.connect({
    sock: socket,
    username: target.user,
    authHandler,
    algorithms: { ...ALGORITHMS, serverHostKey: hostKeyTypes(hostKey?.type) } as NonNullable<ConnectConfig['algorithms']>,
    hostVerifier: (key: Buffer) => {
      isStranger = hostKey !== undefined && !(key.length === hostKey.blob.length && timingSafeEqual(key, hostKey.blob));
      return !isStranger;
    },
    readyTimeout: DIAL_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_MISSES,
  });
  await ready;
  return link;
}

/** A server with several keys must show the one that is known. */
function hostKeyTypes(type: string | undefined): string[] {
  if (type === 'ssh-rsa') return ['rsa-sha2-512', 'rsa-sha2-256'];
  return type === undefined ? HOST_KEYS : [type];
}

function wrongHostKey({ name, host, port }: SshTarget, cause: Error): HudError {
  return new HudError('CAPABILITY_FAILED', `The server of '${name}' at ${host}:${port} shows another host key than the manifest names.`, {
    hint: 'Something else may be listening there. Connect to the environment anew, so that its manifest is read again.',
    cause,
  });
}

function refused({ name, user }: SshTarget, cause: Error): HudError {
  return new HudError('CAPABILITY_FAILED', `The server of '${name}' refused the login as '${user}': ${messageOf(cause)}.`, { cause });
}

function openChannel({ client, losses }: Link, name: string, { command, pty }: ChannelRequest): Promise<Running> {
  return new Promise((resolve, reject) => {
    const options = pty === undefined ? {} : { pty: { term: pty.term ?? 'xterm-256color', cols: pty.cols, rows: pty.rows } };
    client.exec(command, options, (error, channel) => {
      if (error !== undefined) return reject(error);
      resolve({ channel, exited: exitOf(channel, losses, name), losses });
    });
  });
}
