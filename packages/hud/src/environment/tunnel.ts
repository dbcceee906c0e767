/** One capability stream: dial the capability's server, answer once, then pass bytes both ways. */
import type { Host, Peer, Stream } from '../host/host.ts';
import { splice } from '../host/splice.ts';
import { decode } from '../protocol/codec.ts';
import { HudError, toHudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { RPC, TunnelParams, errorReply, resultReply } from '../protocol/messages.ts';
import type { Access } from './access.ts';
import type { Environment } from './environment.ts';
import type { FrameStream } from './frame-stream.ts';

const DIAL_MS = 10_000;

/** Settles when the stream is over. A refusal is one reply, if the request had an id, and the end. */
export async function openTunnel(
  frames: FrameStream,
  request: JsonObject,
  context: { environment: Environment; access: Access; host: Host; peer: Peer },
): Promise<void> {
  const wantsReply = request.id !== undefined && request.id !== null;
  let backend: Stream;
  let name: string;
  try {
    ({ backend, name } = await dialCapability(request.params, context));
  } catch (error) {
    if (wantsReply) await frames.write(errorReply(request.id, toHudError(error)));
    frames.close(context.host);
    return;
  }
  try {
    if (wantsReply) await frames.write(resultReply(request.id, { capability: name }));
    const early = frames.release();
    if (early.length > 0) backend.write(early);
    await splice(frames.stream, backend);
  } finally {
    backend.destroy();
    frames.stream.destroy();
  }
}

async function dialCapability(
  rawParams: unknown,
  { environment, access, host, peer }: { environment: Environment; access: Access; host: Host; peer: Peer },
): Promise<{ backend: Stream; name: string }> {
  if (!isPlainObject(rawParams) || typeof rawParams.capability !== 'string') {
    throw new HudError('BAD_ARGUMENT', "tunnel.open: 'capability' must be a string", { rpcCode: RPC.invalidParams });
  }
  const params = decode(TunnelParams, rawParams, { what: 'tunnel.open' });
  const name = params.capability;
  access.stream(peer, name, params);
  const capability = environment.capabilities.find((candidate) => candidate.name === name);
  if (capability === undefined) throw new HudError('CAPABILITY_NOT_FOUND', `unknown capability: '${name}'`, { rpcCode: RPC.serverError });
  const address = hostAndPort(capability.url);
  if (address === undefined) {
    throw new HudError('BAD_ARGUMENT', `capability '${name}' has no host:port to tunnel to`, { rpcCode: RPC.invalidParams });
  }
  try {
    return { backend: await host.dial({ ...address, timeoutMs: DIAL_MS }), name };
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `capability '${name}': ${toHudError(cause).message}`, { rpcCode: RPC.serverError, cause });
  }
}

/** Only an explicit port can be dialled: default ports are the client's business. */
function hostAndPort(url: string): { host: string; port: number } | undefined {
  const match = /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:\/\/)?(?:[^@/?#]*@)?(\[[^\]]+\]|[^:/?#]+):(\d{1,5})(?:[/?#]|$)/.exec(url);
  const port = Number(match?.[2]);
  return match?.[1] !== undefined && port > 0 && port < 65_536 ? { host: match[1].replace(/^\[|\]$/g, ''), port } : undefined;
}
