/** From a name to a connection, by way of the address guard: the address that was checked is the one that is dialled. */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { nodeHost } from '../../host/node.ts';
import { withDeadline, type Stream } from '../../host/host.ts';
import { isGloballyRoutable } from './address-guard.ts';
import type { Target } from './egress-hosts.ts';

/** All addresses of a name. Throws when there is none. */
export type Resolve = (host: string) => Promise<string[]>;
/** Connects to an address. Rejects when that fails or the signal fires. */
export type Dial = (address: string, port: number, options: { timeoutMs: number; signal: AbortSignal }) => Promise<Stream>;

export type Dialled = { kind: 'connected'; stream: Stream } | { kind: 'blocked' } | { kind: 'failed' };

export interface Dialler {
  /** @default the system's resolver */
  resolve?: Resolve;
  /** @default TCP */
  dial?: Dial;
}

/** Looking the name up included, in milliseconds. */
export const DIAL_TIMEOUT_MS = 15_000;
/** Of a name with more than one address, in milliseconds. */
const ONE_ADDRESS_TIMEOUT_MS = 5_000;

/**
 * Connects to the first of the target's addresses that answers. One address that is not public blocks the whole
 * name, so that nobody can mix a private one in. Never rejects.
 */
export async function dialPublic(target: Target, dialler: Dialler, signal: AbortSignal): Promise<Dialled> {
  const resolve = dialler.resolve ?? lookUp;
  const dial = dialler.dial ?? dialTcp;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
  let addresses: string[];
  try {
    addresses = target.isAddress ? [target.host] : await inTime(resolve(target.host));
  } catch {
    return { kind: 'failed' }; // whatever the resolver said, the client is told that there is no way
  }
  if (addresses.some((address) => !isGloballyRoutable(address) || isOwn(address))) return { kind: 'blocked' };
  const timeoutMs = addresses.length > 1 ? ONE_ADDRESS_TIMEOUT_MS : DIAL_TIMEOUT_MS;
  for (const address of addresses) {
    if (deadline.aborted) break;
    try {
      return { kind: 'connected', stream: await dial(address, target.port, { timeoutMs, signal: deadline }) };
    } catch {
      continue; // the next address may answer
    }
  }
  return { kind: 'failed' };
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return withDeadline(nodeHost, work, DIAL_TIMEOUT_MS, () => new Error('no answer'));
}

const dialTcp: Dial = (host, port, options) => nodeHost.dial({ host, port, ...options });

/** A machine's public address leads back to whatever it serves, the control port included. */
function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

/** Node has four threads for the file system and names together; a slow name server gets two of them. */
const MOST_LOOKUPS = 2;
let running = 0;
const waiting: (() => void)[] = [];

async function lookUp(host: string): Promise<string[]> {
  if (running >= MOST_LOOKUPS) await new Promise<void>((go) => waiting.push(go));
  else running += 1;
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
