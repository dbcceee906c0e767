/** A platform of ours in a process of its own, with a scripted model behind its gateway. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { scriptedModel } from '../packages/hud/src/testing/index.ts';
import { ourCli } from './our-cli.ts';
import { OWN_MODELS, VENDOR_MODELS, nextTurn, upstreamFile } from './platform-models.ts';

const START_MS = 30_000;

export interface Answered {
  status: number;
  body: Record<string, unknown>;
}

export interface ServedPlatform extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  /** An empty home, for command lines of either package. */
  readonly home: string;
  /** For children of either package: every service of the platform, and its key. */
  readonly env: Record<string, string | undefined>;
  /** Its files: the database among them. */
  readonly folder: string;
  /** With the key, unless another is given. */
  ask(method: string, path: string, body?: unknown, key?: string): Promise<Answered>;
}

/** @throws Error with the end of its output when it does not start */
export async function servePlatform(): Promise<ServedPlatform> {
  const home = await mkdtemp(join(tmpdir(), 'hud-interop-platform-'));
  const model = await scriptedModel(nextTurn, { models: [...OWN_MODELS, ...Object.values(VENDOR_MODELS)] });
  const upstreams = join(home, 'upstreams.json');
  await writeFile(upstreams, JSON.stringify(upstreamFile(model)));
  const { command, args } = ourCli('platform', '--port', '0', '--dir', join(home, 'platform'), '--json');
  const child = spawn(command, args, {
    env: { ...process.env, HOME: home, HUD_PLATFORM_UPSTREAMS: upstreams, HUD_PLATFORM_LOG: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4_000)));
  const close = async (): Promise<void> => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await model.close();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const [line] = (await Promise.race([
      once(createInterface({ input: child.stdout }), 'line', { signal: AbortSignal.timeout(START_MS) }),
      once(child, 'exit').then(() => Promise.reject(new Error('it ended before it served'))),
    ])) as [string];
    const { url, api_key: key } = JSON.parse(line) as { url: string; api_key: string };
    return {
      url,
      key,
      home,
      folder: join(home, 'platform'),
      env: settingsOf(url, key, home),
      ask: asking(url, key),
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await close();
    throw new Error(`The platform did not start: ${String(cause)}\n${output}`, { cause });
  }
}

function settingsOf(url: string, key: string, home: string): Record<string, string | undefined> {
  return {
    HOME: home,
    HUD_API_KEY: key,
    HUD_BASE_URL: url,
    HUD_API_URL: url,
    HUD_TELEMETRY_URL: `${url}/v3/api`,
    HUD_GATEWAY_URL: `${url}/gateway`,
    HUD_RL_URL: url,
    HUD_RUNTIME_URL: url,
    HUD_WEB_URL: url,
    HUD_TELEMETRY_ENABLED: '1',
    HUD_TELEMETRY_LOCAL_DIR: undefined,
    COLUMNS: '200',
  };
}

function asking(url: string, ownKey: string): ServedPlatform['ask'] {
  return async (method, path, body, key = ownKey) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
}
