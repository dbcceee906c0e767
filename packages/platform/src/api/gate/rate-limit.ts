/** How often an address may knock without a key. */
import { isIPv6 } from 'node:net';

export interface RateLimit {
  /** @returns 0 when it may, else the seconds to wait */
  take(address: string): number;
  /** It was taken for somebody who needs none. */
  giveBack(address: string): void;
}

const MAX_ADDRESSES = 20_000;

/**
 * A bucket an address, which holds a minute's worth and fills evenly. One machine has a whole /64 of IPv6.
 * @param now milliseconds of a monotonic clock
 */
export function openRateLimit(perMinute: number, now: () => number = () => performance.now()): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take: (address) => {
      const name = networkOf(address);
      const time = now();
      const { left, at } = buckets.get(name) ?? { left: perMinute, at: time };
      const filled = Math.min(perMinute, left + ((time - at) * perMinute) / 60_000);
      const isFree = filled >= 1;
      buckets.delete(name); // to the end: the first is who has been quiet longest
      buckets.set(name, { left: isFree ? filled - 1 : filled, at: time });
      const [quietest] = buckets.keys();
      if (buckets.size > MAX_ADDRESSES && quietest !== undefined) buckets.delete(quietest);
      return isFree ? 0 : Math.ceil(((1 - filled) * 60) / perMinute);
    },
    giveBack: (address) => {
      const bucket = buckets.get(networkOf(address));
      if (bucket !== undefined) bucket.left += 1;
    },
  };
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  return isIPv6(address) ? firstHalf(address.replace(/%.*$/, '')) : address;
}

/** The first 64 bits, with the zeros that `::` stands for. */
function firstHalf(address: string): string {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}
