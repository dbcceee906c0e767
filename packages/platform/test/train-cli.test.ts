/** `hud train` as people run it: the real program, a platform with the engine that comes along, a few steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { workplace, type Finished, type Program, type Workplace } from '../../hud/src/cli/testing.ts';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

const ENVIRONMENT = fileURLToPath(new URL('../../hud/src/environment/index.ts', import.meta.url));

/** Twenty tasks; the base that comes along says one of the two digits, whichever. */
const DIGITS = `
import { Environment } from '${ENVIRONMENT}';
import { z } from 'zod';
export const env = new Environment('digits');
export const larger = env.template({ id: 'larger', args: z.object({ a: z.number(), b: z.number() }) }, async function* ({ a, b }) {
  const answer = yield \`Which is the largest? \${a} \${b}\`;
  yield Number(answer) === Math.max(a, b) ? 1 : 0;
});
export const tasks = Array.from({ length: 20 }, (_none, n) => larger({ a: n % 10, b: (n + 1 + 6 * (n > 9)) % 10 }));
`;

const FLAGS = ['--model', 'tiny-chat', '--steps', '3', '--group', '4', '--tasks-per-step', '4', '--learning-rate', '0.0005'];
const TRAIN = ['train', 'tasks.ts', ...FLAGS, '--max-tokens', '6', '--shared', '16'];

interface Document {
  model: { id: string; name: string };
  job: { id: string };
  heldOut: number;
  isInterrupted: boolean;
  evaluations: { after: number; graded: number; reward: number; interval: [number, number] }[];
  steps: { number: number; rollouts: number; groups: number; lag: number; metrics: Record<string, number>; checkpointId: string | null }[];
  checkpoints: { id: string; name: string; isActive: boolean }[];
}

const documentOf = ({ stdout, stderr }: Finished): Document => {
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Document;
};

async function place(on: TestPlatform): Promise<Workplace & { settings: { env: Record<string, string> } }> {
  const own = await workplace();
  await own.write({ 'tasks.ts': DIGITS });
  return { ...own, settings: { env: { HUD_BASE_URL: on.url, HUD_API_KEY: on.keys[0] } } };
}

test(
  'a base is forked, measured, trained and measured again; its rollouts are written for another trainer',
  { timeout: 120_000 },
  async () => {
    await using on = await testPlatform();
    await using at = await place(on);
    const { model, job, heldOut, evaluations, steps, checkpoints, isInterrupted } = documentOf(
      await at.hud([...TRAIN, '--json'], at.settings),
    );
    expect(model.name).toMatch(/^tiny-chat-/);
    expect([heldOut, isInterrupted]).toEqual([4, false]);
    expect(evaluations.map(({ after, graded }) => [after, graded])).toEqual([
      [0, 4],
      [3, 4],
    ]);
    expect(steps.map(({ number, rollouts, groups, lag }) => [number, rollouts, groups, lag])).toEqual([1, 2, 3].map((n) => [n, 16, 4, 0]));
    // What was sampled is what is trained on, to the token.
    for (const { metrics } of steps) expect(Math.abs(metrics.kl_sample_train ?? 0)).toBeLessThan(1e-4);
    const made = steps.flatMap(({ checkpointId }) => checkpointId ?? []);
    expect(made.length).toBeGreaterThan(0);
    expect(checkpoints.map(({ id }) => id)).toEqual(made);
    expect(checkpoints.findLast(({ isActive }) => isActive)?.id).toBe(made.at(-1));

    const written = await at.hud(['rollouts', job.id.slice(0, 8), '--format', 'trl', '--out', 'out.jsonl', '--json'], at.settings);
    expect(JSON.parse(written.stdout)).toMatchObject({ rollouts: 48, lines: 48, leftOut: {} });
    const [line = ''] = (await readFile(join(at.path, 'out.jsonl'), 'utf8')).split('\n');
    expect(JSON.parse(line)).toMatchObject({ completion_ids: expect.any(Array), reward: expect.any(Number) });
  },
);

test('a session that was stopped, then killed, goes on where it was: no step is made twice', { timeout: 120_000 }, async () => {
  await using on = await testPlatform();
  await using at = await place(on);
  const program = at.start([...TRAIN, '--fork', 'mine'], at.settings);
  await program.printed('stderr', /step 1 of 3/);
  program.child.kill('SIGINT');
  const { code, stdout } = await program.finished;
  expect(code).toBe(130);
  const [, id = ''] = /hud train --resume ([0-9a-f]+)/.exec(stdout) ?? [];
  const killed = at.start(['train', '--resume', id], at.settings);
  await killed.printed('stderr', /step [23] of 3/);
  killed.child.kill('SIGKILL');
  await killed.finished;
  const { steps, checkpoints, model, evaluations } = documentOf(await at.hud(['train', '--resume', id, '--json'], at.settings));
  expect([model.name, steps.map(({ number }) => number)]).toEqual(['mine', [1, 2, 3]]);
  expect(evaluations.map(({ after }) => after)).toEqual([0, 3]);
  expect(checkpoints.map(({ id: made }) => made)).toEqual(steps.flatMap(({ checkpointId }) => checkpointId ?? []));
  const wrong = await at.hud(['train', '--resume', id, '--learning-rate', '1'], at.settings);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("--learning-rate can't be given") });
});

test('a platform that is killed and started again in the middle costs no step, and none is made twice', { timeout: 120_000 }, async () => {
  await using at = await workplace();
  await at.write({ 'tasks.ts': DIGITS });
  const serve = (port: string): Program =>
    at.start(['platform', '--dir', 'platform'], {
      env: { HUD_PLATFORM_PORT: port, HUD_PLATFORM_LOG: 'silent', HUD_PLATFORM_URL: undefined },
    });
  let platform = serve('0');
  const [, url = ''] = await platform.printed('stdout', /Platform +(http\S+)/);
  const [, key = ''] = await platform.printed('stdout', /First key +(\S+)/);
  const settings = { env: { HUD_BASE_URL: url, HUD_API_KEY: key } };
  const kill = async (): Promise<void> => {
    platform.child.kill('SIGKILL');
    await platform.finished;
  };
  try {
    const training = at.start(TRAIN, settings);
    await training.printed('stderr', /step 1 of 3/);
    await kill();
    platform = serve(new URL(url).port);
    const { code, stdout, stderr } = await training.finished;
    expect(code, stderr).toBe(0);
    const [, id = ''] = /hud rollouts (\S+)/.exec(stdout) ?? [];
    const { steps, checkpoints, evaluations } = documentOf(await at.hud(['train', '--resume', id, '--json'], settings));
    expect(steps.map(({ number, groups }) => [number, groups])).toEqual([1, 2, 3].map((n) => [n, 4]));
    expect(checkpoints.map(({ id }) => id)).toEqual(steps.flatMap(({ checkpointId }) => checkpointId ?? []));
    expect(evaluations.map(({ after, graded }) => [after, graded])).toEqual([
      [0, 4],
      [3, 4],
    ]);
  } finally {
    await kill();
  }
});

test('what can not be trained is refused in plain words, before any rollout', { timeout: 120_000 }, async () => {
  await using on = await testPlatform();
  await using at = await place(on);
  for (const [args, code, says] of [
    [['train', 'tasks.ts', '--steps', '1'], 2, 'hud train needs a model'],
    [['train', 'tasks.ts', '--steps', '1', '--model', 'tiny-chta'], 1, 'Did you mean tiny-chat?'],
    [[...TRAIN, '--loss', 'pop'], 1, "no loss 'pop'"],
    [[...TRAIN, '--eval', 'tasks.ts'], 1, 'both trained on and measured on'],
  ] as const)
    expect(await at.hud(args, at.settings)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
});
