/** Which addresses belong to the public internet. Pure; names are resolved elsewhere. */
import { isIPv4, isIPv6 } from 'node:net';

/** IANA's special-purpose IPv4 blocks, as `[first address, prefix length]`. */
const SPECIAL_IPV4 = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // public by number, yet it is Azure's metadata service
  ['169.254.0.0', 16], // link-local, where clouds keep their metadata
  ['172.16.0.0', 12],
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
].map(([first, length]) => ({ first: numberOf(String(first)), size: 2 ** (32 - Number(length)) }));

/**
 * May a sandbox be connected to this address? Only addresses of the public internet, and no multicast.
 * An IPv6 address that carries an IPv4 one (mapped, NAT64) is as public as what it carries; the tunnels that
 * hide one (6to4, Teredo, IPv4-compatible) are refused whole.
 * @param address as a resolver writes it; anything else, zones included, is not public
 */
export function isGloballyRoutable(address: string): boolean {
  if (isIPv4(address)) return isPublicIpv4(numberOf(address));
  if (!isIPv6(address) || address.includes('%')) return false;
  return isPublicIpv6(groupsOf(address));
}

function isPublicIpv4(address: number): boolean {
  return !SPECIAL_IPV4.some(({ first, size }) => address >= first && address < first + size);
}

function isPublicIpv6(groups: readonly number[]): boolean {
  const [a = 0, b = 0] = groups;
  const isUnder = (...prefix: number[]): boolean => prefix.every((group, index) => groups[index] === group);
  const embedded = (groups[6] ?? 0) * 65_536 + (groups[7] ?? 0);
  if (isUnder(0, 0, 0, 0, 0, 0xffff) || isUnder(0x64, 0xff9b, 0, 0, 0, 0)) return isPublicIpv4(embedded);
  if (a < 0x2000 || a > 0x3fff) return false; // all that IANA has given out as global unicast is in 2000::/3
  if (a === 0x2001 && (b < 0x200 || b === 0xdb8)) return false; // protocol assignments, Teredo among them; documentation
  if (a === 0x2002) return false; // 6to4
  return !(a === 0x3fff && b < 0x1000); // documentation
}

function numberOf(ipv4: string): number {
  return ipv4.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(ipv6: string): number[] {
  const [head = '', tail] = ipv6.split('::');
  const first = groupsIn(head);
  if (tail === undefined) return first;
  const last = groupsIn(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function groupsIn(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const ipv4 = numberOf(part);
    return [Math.floor(ipv4 / 65_536), ipv4 % 65_536];
  });
}
