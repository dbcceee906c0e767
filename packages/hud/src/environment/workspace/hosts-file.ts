/** Names that a sandbox with its own network knows: where its peers answer, and the hosts file that says so. */
import { HudError } from '../../protocol/errors.ts';

/** A service outside the sandbox that is reachable from inside, at a name and port of the sandbox's own. */
export interface Peer {
  /** Host name inside. */
  name: string;
  /** Port inside. */
  port: number;
  /** Where it answers, seen from this process. @default the same port on 127.0.0.1 */
  target?: { host: string; port: number };
}

/** Inside a sandbox, on 127.0.0.1: the way out. */
export const PROXY_PORT = 3128;
/** Kept free beside it, for a way out with rules of its own. */
const VISITOR_PORT = 3129;

const NAME = /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i;

/**
 * The loopback address of each peer's name: 127.0.0.1, or the next one on which none of its ports is taken.
 * @param ports that the sandbox serves itself on 127.0.0.1, and which stay free there
 * @throws HudError BAD_ARGUMENT for a name or port that can't be used
 */
export function addressPeers(peers: readonly Peer[], ports: readonly number[] = []): Map<string, string> {
  const taken = new Set([PROXY_PORT, VISITOR_PORT, ...ports].map((port) => `127.0.0.1:${port}`));
  const addresses = new Map<string, string>();
  for (const [name, ownPorts] of portsByName(peers)) {
    const isFree = (address: string): boolean => ownPorts.every((port) => !taken.has(`${address}:${port}`));
    const address = LOOPBACK.find(isFree);
    if (address === undefined) throw new HudError('BAD_ARGUMENT', `There is no loopback address left for the peer ${name}.`);
    for (const port of ownPorts) taken.add(`${address}:${port}`);
    addresses.set(name, address);
  }
  return addresses;
}

const LOOPBACK = Array.from({ length: 254 }, (_, index) => `127.0.0.${index + 1}`);

/** The text of the sandbox's `/etc/hosts`. Nothing of this machine's own file is in it. */
export function hostsFileOf(names: {
  peers: readonly Peer[];
  localAliases: readonly string[];
  hostname: string;
  /** As for {@link addressPeers}. */
  ports?: readonly number[];
}): string {
  for (const alias of [...names.localAliases, names.hostname]) checkName(alias);
  const local = [...new Set(['localhost', names.hostname, ...names.localAliases])];
  const peers = [...addressPeers(names.peers, names.ports)];
  const lines = [['127.0.0.1', ...local], ['::1', 'localhost', 'ip6-localhost'], ...peers.map(([name, address]) => [address, name])];
  return lines.map(([address, ...rest]) => `${address}\t${rest.join(' ')}\n`).join('');
}

function portsByName(peers: readonly Peer[]): Map<string, number[]> {
  const byName = new Map<string, number[]>();
  for (const { name, port } of peers) {
    checkName(name);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new HudError('BAD_ARGUMENT', `The peer ${name} has port ${port}, which is none.`, { hint: 'Use 1 to 65535.' });
    }
    const ports = byName.get(name) ?? [];
    if (ports.includes(port)) throw new HudError('BAD_ARGUMENT', `The peer ${name} declares port ${port} twice.`);
    byName.set(name, [...ports, port]);
  }
  return byName;
}

/** A name with white space in it would write lines of its own. */
function checkName(name: string): void {
  if (NAME.test(name) && name.length <= 253) return;
  throw new HudError('BAD_ARGUMENT', `${JSON.stringify(name)} is no host name.`, {
    hint: 'Use letters, digits, hyphens and dots.',
  });
}
