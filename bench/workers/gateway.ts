/**
 * A platform whose gateway stands before the model server of the first argument, with a budget and the record of calls
 * switched on; ready with its address and a key. A sample tells its memory, after collecting.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig, startPlatform } from '@hud/platform';
import { answer } from '../worker.ts';

const [upstream = '', folder = '.'] = process.argv.slice(2);
const directory = await mkdtemp(join(folder, 'gateway-'));
const config = readConfig({
  HUD_PLATFORM_PORT: '0',
  HUD_PLATFORM_DIR: directory,
  HUD_PLATFORM_LOG: 'error',
  OPENAI_API_KEY: 'upstream-key',
  OPENAI_BASE_URL: `${upstream}/v1`,
});
const platform = await startPlatform(config, { version: '0.0.0' });
const key = platform.firstKey ?? '';
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
const budget = { scope: 'team', period: 'day', limit_usd: 1_000_000 };
const set = await fetch(`${platform.url}/v2/budgets`, { method: 'PUT', headers, body: JSON.stringify(budget) });
if (!set.ok) throw new Error(`the budget was refused: ${set.status} ${await set.text()}`);
await answer(
  async () => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external, cpuMs: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000 };
  },
  { url: `${platform.url}/gateway`, key },
);
await platform.close();
await rm(directory, { recursive: true, force: true });
process.exit();
