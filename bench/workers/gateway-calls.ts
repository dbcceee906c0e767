/**
 * Calls of a model, straight and through a gateway in turns, so that what is between them is all the difference:
 *
 *   node gateway-calls.ts <url straight> <url through> <key>
 */
import { Pool } from 'undici';
import { answer, quantile, type Figures } from '../worker.ts';

const [straight = '', through = '', key = ''] = process.argv.slice(2);
const BODY = Buffer.from(
  JSON.stringify({
    model: 'gpt-5',
    messages: [
      { role: 'system', content: 'You are an assistant that answers in few words. '.repeat(10) },
      { role: 'user', content: 'What is the capital of France, and since when? '.repeat(8) },
    ],
    max_tokens: 50,
  }),
);
const ROUND = 250;
const TRACES = 64;

interface Way {
  pool: Pool;
  path: string;
}

const ways = { straight: wayTo(straight), through: wayTo(through) };

await answer(async ({ what, n, lanes, perSecond }) => {
  if (what === 'rate') return await rate(Number(n), Number(lanes));
  return await added(Number(n), Number(lanes), Number(perSecond));
});
await Promise.all(Object.values(ways).map(async ({ pool }) => await pool.destroy()));

function wayTo(url: string): Way {
  const { origin, pathname } = new URL(url);
  return {
    pool: new Pool(origin, { allowH2: false, connect: { noDelay: true }, pipelining: 1 }),
    path: `${pathname.replace(/\/$/, '')}/chat/completions`,
  };
}

/** @throws Error when the answer is not the model's */
async function call({ pool, path }: Way, i: number): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'trace-id': String(i % TRACES).padStart(32, '0') };
  const { statusCode, body } = await pool.request({ method: 'POST', path, headers, body: BODY });
  const text = await body.text();
  if (statusCode !== 200 || !text.endsWith('}}')) throw new Error(`a call ended with ${statusCode}: ${text.slice(0, 300)}`);
}

/** Open loop: a call starts at its time, however late those before are; what it waited counts. */
async function added(n: number, lanes: number, perSecond: number): Promise<Figures> {
  const took: Record<'straight' | 'through', number[]> = { straight: [], through: [] };
  for (let done = 0; done < n; done += ROUND) {
    for (const way of ['straight', 'through'] as const) {
      took[way].push(...(perSecond > 0 ? await paced(ways[way], perSecond) : await looped(ways[way], lanes)));
    }
  }
  const [p50, p99] = [quantile(took.through, 0.5), quantile(took.through, 0.99)];
  const [straight50, straight99] = [quantile(took.straight, 0.5), quantile(took.straight, 0.99)];
  return { p50, p99, straight50, straight99, added: p50 - straight50, added99: p99 - straight99 };
}

/** Closed loop over so many lanes. @returns milliseconds of each */
async function looped(way: Way, lanes: number): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < ROUND; i = next++) {
      const startedAt = performance.now();
      await call(way, i);
      took.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return took;
}

async function paced(way: Way, perSecond: number): Promise<number[]> {
  const took: number[] = [];
  const startAt = performance.now() + 5;
  const calls = Array.from({ length: ROUND }, async (_, i) => {
    const at = startAt + (i * 1_000) / perSecond;
    await new Promise((resolve) => setTimeout(resolve, at - performance.now()));
    const startedAt = Math.max(at, performance.now() - 1.5); // a timer's own lateness is nobody's
    await call(way, i);
    took.push(performance.now() - startedAt);
  });
  await Promise.all(calls);
  return took;
}

/** Closed loop, as fast as it goes. */
async function rate(n: number, lanes: number): Promise<Figures> {
  let next = 0;
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    for (let i = next++; i < n; i = next++) await call(ways.through, i);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { rate: n / ((performance.now() - startedAt) / 1_000) };
}
