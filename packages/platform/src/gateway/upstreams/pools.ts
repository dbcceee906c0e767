/** Connections to model servers, kept open and shared by all callers: one pool per server. */
import { Pool, type Dispatcher } from 'undici';

export interface Pools {
  /** @param origin `https://api.openai.com` */
  at(origin: string): Dispatcher;
  /** Ends calls in progress too. */
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
/** Vendors close an idle connection after a minute or more, and say so in `keep-alive`, which counts. */
const IDLE_MS = 15_000;

/** @param silenceMs longest wait for a reply's head, and between two pieces of it */
export function openPools(silenceMs: number): Pools {
  const pools = new Map<string, Pool>();
  return {
    at: (origin) => {
      let pool = pools.get(origin);
      if (pool === undefined) {
        pool = new Pool(origin, {
          connect: { timeout: CONNECT_MS, noDelay: true },
          allowH2: false,
          pipelining: 1,
          keepAliveTimeout: IDLE_MS,
          headersTimeout: silenceMs,
          bodyTimeout: silenceMs,
        });
        pools.set(origin, pool);
      }
      return pool;
    },
    close: async () => {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map(async (pool) => await pool.destroy()));
    },
  };
}
