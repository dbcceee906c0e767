/** The tests of an example: its own solution through the command line, then the sessions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tempDir } from 'hud/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from './session.ts';
import { stageOf, type ExampleName, type Stage } from './stage.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MINUTE = 60_000;

interface Graded {
  class: string;
  reward: number | null;
  error?: unknown;
}

interface Example {
  /** Programs that it runs. */
  needs: readonly string[];
}

/** The program `hud` as it is built, in the folder of the repository, with a record of its own. @returns what it says about each run */
export async function evaluate(args: readonly string[], env: Record<string, string> = {}): Promise<Graded[]> {
  await using dir = await tempDir('hud-examples-');
  const child = spawn(process.execPath, ['packages/hud/bin/hud.js', 'eval', ...args, '--json'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: dir.path, HUD_DIR: join(dir.path, '.hud'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (!stdout.startsWith('{')) throw new Error(`hud eval ${args.join(' ')} said:\n${stdout}${stderr}`);
  return (JSON.parse(stdout) as { runs: Graded[] }).runs.map(({ class: type, reward, error }) => ({
    class: type,
    reward,
    ...(error === undefined ? {} : { error }),
  }));
}

/** Why an example can't run here, undefined where it can. */
export function lacking(programs: readonly string[]): string | undefined {
  const missing = programs.filter(
    (program) => !['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].some((folder) => isThere(folder, program)),
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

export function describeExample(example: ExampleName, sessions: readonly Session[], { needs }: Example): void {
  const lack = lacking(needs);
  const source = `examples/${example}/tasks.ts`;
  describe.skipIf(lack === undefined ? false : lack)(`examples/${example}`, () => {
    test(
      'its own solution earns everything',
      async () => {
        const runs = await evaluate([source, 'oracle', '--all', '--max-concurrent', '2']);
        expect(runs.length).toBeGreaterThan(0);
        expect(runs).toEqual(runs.map(() => ({ class: 'graded', reward: 1 })));
      },
      MINUTE,
    );

    test(
      'doing nothing earns nothing',
      async () => {
        const runs = await evaluate([source, 'nop', '--all', '--max-concurrent', '2']);
        expect(runs.length).toBeGreaterThan(0);
        expect(runs).toEqual(runs.map(() => ({ class: 'graded', reward: 0 })));
      },
      MINUTE,
    );

    describe('the session', () => {
      let stage: Stage;
      beforeAll(async () => {
        stage = await stageOf(example);
      });
      afterAll(async () => await stage[Symbol.asyncDispose](), MINUTE);

      test.each(sessions.map((session) => [session.title, session] as const))(
        '%s',
        async (_, session) => {
          const run = await stage.play(session);
          expect({ error: run.error?.message, class: run.class, reward: run.reward }).toEqual({
            error: undefined,
            class: 'graded',
            reward: session.reward,
          });
        },
        MINUTE,
      );
    });
  });
}

function isThere(folder: string, program: string): boolean {
  try {
    accessSync(join(folder, program));
    return true;
  } catch {
    return false;
  }
}
