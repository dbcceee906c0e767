/** Sends spans, and waits until they are acknowledged: node ingest-client.ts <url> <key> */
import { Agent, request } from 'node:http';
import { answer, quantile, type Figures } from '../worker.ts';
import { makeSpans } from './ingest-spans.ts';

const LANES = 4;
const BATCH = 200;

const [url = '', key = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: LANES });

await answer(async ({ n = 40_000 }) => await send(Number(n)));

async function send(n: number): Promise<Figures> {
  const spans = makeSpans(n);
  const bodies: Buffer[] = [];
  for (let at = 0; at < n; at += BATCH)
    bodies.push(
      Buffer.from(
        spans
          .slice(at, at + BATCH)
          .map(({ text }) => `{"span":${text}}\n`)
          .join(''),
      ),
    );
  const waits: number[] = [];
  let accepted = 0;
  const left = bodies.values();
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    for (const body of left) {
      const sentAt = performance.now();
      const taken = await post(body);
      accepted += taken;
      waits.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  if (accepted !== n) throw new Error(`${accepted} of ${n} spans were acknowledged.`);
  return { rate: n / seconds, ackP50Ms: quantile(waits, 0.5), ackP99Ms: quantile(waits, 0.99), accepted };
}

/** @returns how many were acknowledged */
async function post(body: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson', 'content-length': body.length };
  const sent = request(`${url}/v2/record`, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => {
      if (response.statusCode === 200) resolve((JSON.parse(text) as { accepted: number }).accepted);
      else reject(new Error(`answered ${response.statusCode}: ${text}`));
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return await promise;
}
