/**
 * A platform whose engine computes nothing: node training-service.ts <folder>. Its first line has the address, a key and a model.
 * A sample tells of the pass since the last one: when its data reached the engine, how long the loop was held up, and the memory.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../packages/platform/src/config.ts';
import { startPlatform } from '../../packages/platform/src/server.ts';
import { createKey } from '../../packages/platform/src/storage/accounts/keys.ts';
import { createTeam, ensureUser } from '../../packages/platform/src/storage/accounts/teams.ts';
import type { EngineModel, TrainEngine } from '../../packages/platform/src/training/engine.ts';
import { answer } from '../worker.ts';

const CONTEXT = 65_536;

const [folder = ''] = process.argv.slice(2);
const reached = { atMs: 0, tokens: 0, data: 0 };
/** Of one pass, in milliseconds. */
let computeMs = 0;

const platform = await startPlatform(readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_DIR: folder, HUD_PLATFORM_LOG: 'error' }), {
  version: '0.0.0',
  training: { engine: standIn() },
});
const { db } = platform.context;
const userId = await ensureUser(db, 'bench@example.com');
const teamId = await createTeam(db, { name: 'bench', ownerId: userId });
const { secret: key } = await createKey(db, { teamId, userId, name: 'bench' });
const model = await fork();
const loop = monitorEventLoopDelay({ resolution: 2 });
loop.enable();

await answer(
  async (request) => {
    computeMs = Number(request.computeMs ?? 0);
    const figures = { ...reached, blockMs: loop.max / 1e6, rssMiB: process.resourceUsage().maxRSS / 1024 };
    loop.reset();
    return figures;
  },
  { url: platform.url, key, model },
);
await platform.close();

async function fork(): Promise<string> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const base = (await (await fetch(`${platform.url}/v2/models/resolve?model=stand-in`, { headers })).json()) as { id: string };
  const body = JSON.stringify({ source_model_id: base.id, name: 'bench' });
  return ((await (await fetch(`${platform.url}/v2/models/fork`, { method: 'POST', headers, body })).json()) as { id: string }).id;
}

function standIn(): TrainEngine {
  const no = (): never => {
    throw new Error('The stand-in only takes passes and steps.');
  };
  const opened: EngineModel = {
    forward: no,
    forwardBackward: async ({ data }) => {
      reached.atMs = Number(process.hrtime.bigint()) / 1e6;
      reached.data = data.length;
      reached.tokens = data.reduce((sum, { targets }) => sum + targets.length, 0);
      await sleep(computeMs);
      return { logprobs: data.map(({ targets }) => new Float32Array(targets.length)), metrics: { 'loss:sum': 0 } };
    },
    optimStep: async () => await sleep(computeMs),
    dropGradient: async () => {},
    saveState: async (name) => name,
    saveSampler: async (name) => name,
    [Symbol.asyncDispose]: async () => {},
  };
  return {
    name: 'stand-in',
    reduction: 'sum',
    bases: async () => [{ name: 'stand-in', contextLength: CONTEXT, tokenizer: no }],
    losses: async () => ['importance_sampling'],
    open: async () => opened,
    remove: async () => true,
    sample: no,
    stream: no,
    [Symbol.asyncDispose]: async () => {},
  };
}
