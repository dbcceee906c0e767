/** One suite for all engines. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { TrainEngine } from './engine.ts';
import { describeEngine } from './engine.contract.ts';
import { openLocalEngine } from './local/local-engine.ts';
import type { ServerName } from './tinker/servers.ts';
import { openTinkerEngine } from './tinker/tinker-engine.ts';
import { tinkerServer } from './tinker/tinker-server.fixtures.ts';

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0)) await end();
});

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hud-engine-'));
  ends.push(async () => await rm(directory, { recursive: true }));
  return directory;
}

async function tinker(kind: ServerName): Promise<TrainEngine> {
  const server = await tinkerServer(await folder(), kind);
  ends.push(async () => await server[Symbol.asyncDispose]());
  const log = { warn: () => undefined };
  return openTinkerEngine({ url: server.url, server: kind, tokenizer: 'characters', contextTokens: 512, loraRank: 8, log });
}

describeEngine('local', async () => openLocalEngine({ directory: await folder() }));
describeEngine('tinker (skyrl)', async () => await tinker('skyrl'));
describeEngine('tinker (skyrl-jax)', async () => await tinker('skyrl-jax'), { tokenCheck: true });
describeEngine('tinker (hosted)', async () => await tinker('tinker'));
