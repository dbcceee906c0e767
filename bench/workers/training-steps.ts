/**
 * Steps of the local engine's example on a platform in this process: node training-steps.ts <folder> <trajectories>.
 * A sample is one step: what the service took besides the engine's own work, and when the new weights answered.
 */
import { readConfig } from '../../packages/platform/src/config.ts';
import { startPlatform } from '../../packages/platform/src/server.ts';
import { createKey } from '../../packages/platform/src/storage/accounts/keys.ts';
import { createTeam, ensureUser } from '../../packages/platform/src/storage/accounts/teams.ts';
import type { EngineModel, TrainEngine } from '../../packages/platform/src/training/engine.ts';
import { openLocalEngine } from '../../packages/platform/src/training/local/local-engine.ts';
import { answer } from '../worker.ts';

const [folder = '', trajectories = '64'] = process.argv.slice(2);
const GROUP = 8;
const REPLY_TOKENS = 8;

let inEngineMs = 0;
const platform = await startPlatform(readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_DIR: folder, HUD_PLATFORM_LOG: 'error' }), {
  version: '0.0.0',
  training: { engine: watched(openLocalEngine({ directory: `${folder}/weights` })) },
});
const { db } = platform.context;
const userId = await ensureUser(db, 'bench@example.com');
const teamId = await createTeam(db, { name: 'bench', ownerId: userId });
const { secret: key } = await createKey(db, { teamId, userId, name: 'bench' });
const base = await call<{ id: string }>('GET', '/v2/models/resolve?model=tiny-chat');
const { id } = await call<{ id: string }>('POST', '/v2/models/fork', { source_model_id: base.id, name: 'bench' });
const inputs = await Promise.all(Array.from({ length: Number(trajectories) }, async (_none, i) => await rollOut(i)));

await answer(async () => {
  inEngineMs = 0;
  const begun = performance.now();
  await call('POST', `/v1/models/${id}/train/forward-backward`, { inputs, group_size: GROUP });
  await call('POST', `/v1/models/${id}/train/optim-step`, { learning_rate: 1e-6 });
  const committed = performance.now();
  const stepMs = committed - begun;
  const outsideMs = stepMs - inEngineMs;
  await ask(1, REPLY_TOKENS);
  return { stepMs, outsideMs, share: outsideMs / stepMs, sampledMs: performance.now() - committed };
});
await platform.close();

async function rollOut(index: number): Promise<object> {
  const { choices } = await ask(index, REPLY_TOKENS);
  const [{ token_ids: output, prompt_token_ids: prompt, logprobs }] = choices;
  const sample = { prompt_token_ids: prompt, output_token_ids: output, output_logprobs: logprobs.content.map(({ logprob }) => logprob) };
  return { samples: [sample], reward: index % 2 };
}

interface Asked {
  choices: [{ token_ids: number[]; prompt_token_ids: number[]; logprobs: { content: { logprob: number }[] } }];
}

async function ask(seed: number, most: number): Promise<Asked> {
  const messages = [{ role: 'user', content: `Which digit of ${39_400 + seed} is the largest?` }];
  const body = { model: 'bench', messages, max_tokens: most, seed, return_token_ids: true, logprobs: true };
  return await call<Asked>('POST', '/gateway/chat/completions', body);
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${platform.url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Counts the time in which the engine computes, loads or saves. */
function watched(engine: TrainEngine): TrainEngine {
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const begun = performance.now();
    try {
      return await work;
    } finally {
      inEngineMs += performance.now() - begun;
    }
  };
  const model = (opened: EngineModel): EngineModel => ({
    forward: async (...given) => await timed(opened.forward(...given)),
    forwardBackward: async (...given) => await timed(opened.forwardBackward(...given)),
    optimStep: async (...given) => await timed(opened.optimStep(...given)),
    dropGradient: async () => await timed(opened.dropGradient()),
    saveState: async (name) => await timed(opened.saveState(name)),
    saveSampler: async (name) => await timed(opened.saveSampler(name)),
    [Symbol.asyncDispose]: async () => await opened[Symbol.asyncDispose](),
  });
  return {
    name: engine.name,
    reduction: engine.reduction,
    bases: async () => await engine.bases(),
    losses: async () => await engine.losses(),
    open: async (...given) => model(await timed(engine.open(...given))),
    remove: async (path) => await engine.remove(path),
    sample: async (...given) => await engine.sample(...given),
    stream: (...given) => engine.stream(...given),
    [Symbol.asyncDispose]: async () => await engine[Symbol.asyncDispose](),
  };
}
