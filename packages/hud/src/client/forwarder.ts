/** A loopback port whose every connection is one stream to a capability. For programs that want an address. */
import type { Host, Listener, Stream } from '../host/host.ts';
import { splice } from '../host/splice.ts';
import type { Capability } from '../protocol/capability.ts';

export interface Forwarder extends AsyncDisposable {
  /** The capability with its URL leading here; scheme, user, path, query and fragment are the original's. */
  readonly capability: Capability;
}

/** Opens one; `openStream` is asked once per accepted connection, and its refusal closes that connection. */
export async function forward(host: Host, capability: Capability, openStream: () => Promise<Stream>): Promise<Forwarder> {
  const live = new Set<Stream>();
  const listener: Listener = await host.listen({ host: '127.0.0.1', port: 0 }, (local) => {
    live.add(local);
    local.on('error', () => local.destroy());
    local.once('close', () => live.delete(local));
    void carry(local, openStream);
  });
  return {
    capability: { ...capability, url: routedUrl(capability.url, listener.port) },
    async [Symbol.asyncDispose]() {
      for (const stream of live) stream.destroy();
      await listener.close();
    },
  };
}

async function carry(local: Stream, openStream: () => Promise<Stream>): Promise<void> {
  try {
    const remote = await openStream();
    remote.on('error', () => {}); // `splice` sees the close
    await splice(local, remote);
  } catch {
    local.destroy(); // the far side sees a closed connection, as it would from the capability itself
  }
}

/** `ssh://agent@environment:22/x?y#z` → `ssh://agent@127.0.0.1:<port>/x?y#z`; a password is dropped. */
export function routedUrl(url: string, port: number): string {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/)?(?:([^@/?#]*)@)?([^/?#]*)(.*)$/s.exec(url);
  const [, scheme = '', userInfo, , rest = ''] = match ?? [];
  const user = userInfo?.split(':')[0];
  return `${scheme}${user ? `${user}@` : ''}127.0.0.1:${port}${rest}`;
}
