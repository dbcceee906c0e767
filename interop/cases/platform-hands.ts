/** How the cases reach a platform: by either package's command line, by programs of the Python package, by HTTP. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type Finished } from '../children.ts';
import { ourCli } from '../our-cli.ts';
import type { ServedPlatform } from '../platform.ts';
import type { Python } from '../python.ts';

export interface PlatformCaseOptions {
  python: Python;
  platform: ServedPlatform;
  /** Of our environments, served: `envs/env.ts` and `envs/shop.ts`. */
  urls: { interop: string; shop: string };
  /** Why the shop has no shell. */
  withoutShell: string | undefined;
  /** The package's release, the last number of it. */
  release: number;
}

export interface Hands extends PlatformCaseOptions {
  /** A program of `platform_program.py`; the JSON that it printed. */
  program(...args: string[]): Promise<unknown>;
  /** The same of `training_program.py`. @param options its time is 80 s unless it is given */
  training(args: readonly string[], options?: { env?: Record<string, string>; limitMs?: number }): Promise<unknown>;
  /** The package's `hud`, as it is installed. */
  hud(args: readonly string[], env?: Record<string, string | undefined>): Promise<Finished>;
  /** Several lines of it, one after the other; faster. Each must succeed unless it is marked. */
  lines(...lines: readonly Line[]): Promise<Finished[]>;
  /** Our `hud`; it must succeed. @param folder within the home */
  ours(args: readonly string[], folder?: string): Promise<Finished>;
  /** A listing of the platform. */
  list(path: string): Promise<{ items: Record<string, unknown>[]; total: number }>;
  /** A folder within the home, made when it is not there. */
  folder(name: string): Promise<string>;
}

export interface Line {
  args: readonly string[];
  /** Within the home. @default the home itself */
  folder?: string;
  /** @default 0 */
  code?: number;
}

const LIMIT_MS = 80_000;

export function hands(options: PlatformCaseOptions): Hands {
  const { python, platform } = options;
  const env = { ...python.env, ...platform.env };
  const script = (name: string): string => join(import.meta.dirname, '../python', name);
  const start = { env, cwd: platform.home, limitMs: LIMIT_MS };
  const folder = async (name: string): Promise<string> => {
    const path = join(platform.home, name);
    await mkdir(path, { recursive: true });
    return path;
  };
  return {
    ...options,
    folder,
    program: async (...args) => lastJson(succeeded(await run(python.command, [script('platform_program.py'), ...args], start))),
    training: async (args, { env: more = {}, ...rest } = {}) =>
      lastJson(
        succeeded(await run(python.command, [script('training_program.py'), ...args], { ...start, env: { ...env, ...more }, ...rest })),
      ),
    hud: async (args, more = {}) => await run(python.hud, args, { ...start, env: { ...env, ...more } }),
    lines: async (...lines) => {
      const wanted = await Promise.all(lines.map(async ({ args, folder: name = '.' }) => ({ args, cwd: await folder(name) })));
      const done = await run(python.command, [script('platform_lines.py'), JSON.stringify(wanted)], start);
      const finished = lastJson(succeeded(done)) as Finished[];
      return finished.map((one, i) => succeeded(one, lines[i]?.code, lines[i]?.args));
    },
    ours: async (args, name = '.') =>
      succeeded(
        await run(ourCli().command, ourCli(...args).args, { env: platform.env, cwd: await folder(name), limitMs: LIMIT_MS }),
        0,
        args,
      ),
    list: async (path) => (await platform.ask('GET', path)).body as unknown as Awaited<ReturnType<Hands['list']>>,
  };
}

/** As the package's commands take ids. */
export function dashed(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function lastJson({ stdout }: Finished): unknown {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

export function succeeded(finished: Finished, code = 0, args: readonly string[] = []): Finished {
  assert.equal(finished.code, code, `exit code ${finished.code}: ${args.join(' ')}\n${finished.stdout}${finished.stderr}`);
  return finished;
}
