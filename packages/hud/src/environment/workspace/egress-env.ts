/** The proxy variables of a sandbox's environment, which is composed before the sandbox exists. */
import { addressPeers, PROXY_PORT, type Peer } from './hosts-file.ts';

/** @returns empty when no host is allowed: what is not there is not announced */
export function proxyEnv(network: {
  allowedHosts: readonly string[];
  peers: readonly Peer[];
  localAliases: readonly string[];
  /** As for `addressPeers`. */
  ports?: readonly number[];
}): Record<string, string> {
  if (network.allowedHosts.length === 0) return {};
  const url = `http://127.0.0.1:${PROXY_PORT}`;
  const peers = addressPeers(network.peers, network.ports);
  // One by one: most clients read 127.0.0.0/8 as a name, not as a network.
  const bypass = [...new Set(['127.0.0.1', 'localhost', ...network.localAliases, ...peers.keys(), ...peers.values()])].join(',');
  return { http_proxy: url, https_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url, no_proxy: bypass, NO_PROXY: bypass };
}
