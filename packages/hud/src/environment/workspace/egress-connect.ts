/** CONNECT: a tunnel to one host and port, whose TLS may only ask for hosts that are allowed. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Stream } from '../../host/host.ts';
import { dialPublic } from './egress-dial.ts';
import { normalHost, targetOf } from './egress-hosts.ts';
import type { EgressRules } from './egress-proxy.ts';
import { refuseRaw } from './egress-reply.ts';
import { readOpening } from './egress-sni.ts';

/** Silence in both directions that ends a tunnel, in milliseconds. */
const IDLE_MS = 300_000;
/** From the first byte of a TLS hello to its last, in milliseconds. */
const HELLO_TIMEOUT_MS = 15_000;

/** @param early bytes that came right behind the request */
export async function tunnel(request: IncomingMessage, client: Socket, early: Buffer, rules: EgressRules): Promise<void> {
  const { headers } = request;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
    refuseRaw(client, 'invalid-request-body');
    return;
  }
  const target = targetOf(request.url ?? '', 443);
  if (target === undefined) {
    rules.report({ host: request.url ?? '', reason: 'invalid-target' });
    refuseRaw(client, 'invalid-target');
    return;
  }
  if (!rules.allowed.allows(target.host)) {
    rules.report({ host: target.host, reason: 'blocked-by-allowlist' });
    refuseRaw(client, 'blocked-by-allowlist');
    return;
  }
  const dialled = await dialPublic(target, rules, rules.signalOf(client));
  if (dialled.kind === 'blocked') rules.report({ host: target.host, reason: 'blocked-by-address' });
  if (dialled.kind !== 'connected') {
    refuseRaw(client, dialled.kind === 'blocked' ? 'blocked-by-address' : 'bare-502');
    return;
  }
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
  client.setTimeout(IDLE_MS, () => client.destroy());
  await relay({ client, upstream: dialled.stream, early, rules });
}

interface Ends {
  client: Socket;
  upstream: Stream;
  early: Buffer;
  rules: EgressRules;
}

/** The server may speak first; what the client says first is held until its server names are known. Never rejects. */
async function relay({ client, upstream, early, rules }: Ends): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => resolve(undefined); // not the event's own argument
  let openDirections = 2;
  for (const stream of [client, upstream]) {
    stream.once('close', end).once('error', end);
    stream.once('finish', () => {
      openDirections -= 1;
      if (openDirections === 0) end();
    });
  }
  if (client.destroyed || upstream.destroyed) end();
  upstream.pipe(client);
  const opening = await Promise.race([holdOpening(client, early), over]);
  if (opening !== undefined) {
    const strange = opening.names.filter((name) => !rules.allowed.allows(normalHost(name) ?? ''));
    for (const host of strange) rules.report({ host, reason: 'blocked-by-server-name' });
    if (strange.length > 0 || opening.isMalformed) end();
    else forward(client, upstream, opening.bytes);
  }
  await over;
  client.destroy();
  upstream.destroy();
}

function forward(client: Socket, upstream: Stream, bytes: Buffer): void {
  if (bytes.length > 0) upstream.write(bytes);
  if (client.readableEnded) upstream.end();
  else client.pipe(upstream);
}

interface HeldOpening {
  names: string[];
  isMalformed: boolean;
  /** All that was read; not yet passed on. */
  bytes: Buffer;
}

/** Reads until it is known which server names the client asks for; leaves the socket paused. Never rejects. */
function holdOpening(client: Socket, early: Buffer): Promise<HeldOpening> {
  return new Promise((resolve) => {
    const parts = [early];
    let size = early.length;
    let needed = 1;
    let timer: NodeJS.Timeout | undefined;
    const done = (names: string[], isMalformed: boolean): void => {
      clearTimeout(timer);
      client.off('data', onData).off('end', onEnd).pause();
      resolve({ names, isMalformed, bytes: Buffer.concat(parts) });
    };
    const look = (): void => {
      if (size < needed) return;
      const opening = readOpening(Buffer.concat(parts));
      if (opening.kind === 'more') needed = opening.bytesNeeded;
      else done(opening.kind === 'tls' ? opening.names : [], opening.kind === 'malformed');
      if (opening.kind === 'more') timer ??= setTimeout(() => done([], true), HELLO_TIMEOUT_MS);
    };
    const onData = (bytes: Buffer): void => {
      parts.push(bytes);
      size += bytes.length;
      look();
    };
    const onEnd = (): void => done([], size > 0);
    client
      .on('data', onData)
      .on('end', onEnd)
      .once('close', () => clearTimeout(timer));
    look();
    if (client.readableEnded) onEnd();
  });
}
