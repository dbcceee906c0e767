import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scriptedModel } from '../../testing/index.ts';
import { LETTERS, workplace, type Finished } from '../testing.ts';

/** Fails about blueberries as a model's API does, until there is a file `up`. */
const AGENT = `
import { existsSync } from 'node:fs';
export const agent = {
  name: 'two',
  run: async (run) => {
    if (run.promptText.includes('blueberry') && !existsSync('up'))
      throw Object.assign(new Error('The model is overloaded.'), { name: 'HudError', code: 'MODEL_UNAVAILABLE', faultClass: 'provider' });
    run.record({ source: 'agent', content: 'It is 2.' });
    run.trace.content = '2';
  },
};`;

interface Document {
  job: { id: string };
  runs: { slug: string; attempt: number; class: string; traceId: string }[];
  summary: { runs: number; graded: number; retried: number; mean: number; excluded: Record<string, number> };
}

const documentOf = ({ stdout }: Finished): Document => JSON.parse(stdout) as Document;

test('retry runs again what the named classes spoiled, and never a graded run', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS, 'agent.ts': AGENT });
  const first = documentOf(await place.hud(['eval', 'env.ts', '--agent-module', 'agent.ts', '--all', '--json']));
  expect(first.summary).toMatchObject({ runs: 3, graded: 2, mean: 0, retried: 0, excluded: { provider: 1 } });
  const { id } = first.job;

  const none = await place.hud(['retry', id, '--class', 'sandbox,boot']);
  expect(none).toMatchObject({
    code: 0,
    stdout: `Nothing to try again: no run of job ${id.slice(0, 8)} (env (3 tasks)) ended as sandbox or boot.\n`,
  });
  await place.write({ up: '' });
  const retried = await place.hud(['retry', id]);
  expect(retried.code).toBe(0);
  expect(retried.stderr).toMatch(
    new RegExp(`^Trying 1 run of job ${id.slice(0, 8)} \\(env \\(3 tasks\\)\\) again: 1 provider\\.\\nresumed: 2 of 3 were done\\n`),
  );
  expect(retried.stdout).toMatch(/^mean reward 0\.333 .*\(n = 3, /m);
  const after = documentOf(await place.hud(['resume', id, '--json']));
  expect(after.summary).toMatchObject({ runs: 3, graded: 3, retried: 0, excluded: {} });
  expect(after.runs.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
  expect(after.runs.slice(0, 2).map(({ traceId }) => traceId)).toEqual(first.runs.slice(0, 2).map(({ traceId }) => traceId));

  const table = (await place.hud(['jobs', id])).stdout;
  expect(table).toMatch(/\tcount-b719ab35\t1\t1 of 2\tprovider\t.*\n.*\tcount-b719ab35\t1\t2 of 2\tgraded\t1\.000\t/);
}, 30_000);

test.each([
  { classes: 'graded', says: "--class can't name graded: a run with a verdict is never run again." },
  { classes: 'provider,sandbx', says: "Did you mean 'sandbox'?" },
])('--class $classes is refused with the classes there are and how many runs ended as each', async ({ classes, says }) => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS, 'agent.ts': AGENT });
  const { job } = documentOf(await place.hud(['eval', 'env.ts', '--agent-module', 'agent.ts', '--all', '--json']));
  const { code, stdout, stderr } = await place.hud(['retry', job.id, '--class', classes]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(says);
  expect(stderr).toContain('Classes: boot (0), agent (0), limit (0), provider (1), sandbox (0), grader (0), cancelled (0), timeout (0).');
});

test('a model goes on with its settings; its key is not in the record and is given again', async () => {
  await using place = await workplace();
  let isUp = false;
  await using model = await scriptedModel(() => {
    if (!isUp) throw new Error('overloaded');
    return { text: '3' };
  });
  await place.write({ 'env.ts': LETTERS });
  const env = { ANTHROPIC_BASE_URL: model.baseUrls.anthropic };
  const settings = ['-c', 'api_key=sk-first', '-c', 'max_tokens=77', '-c', 'max_retries=0'];
  const first = documentOf(await place.hud(['eval', 'env.ts', 'claude', '--model', 'claude-test', ...settings, '--json'], { env }));
  expect(first.summary.excluded).toEqual({ provider: 1 });
  for (const file of ['hud.db', 'hud.db-wal'])
    expect(await readFile(join(place.path, '.hud', file), 'latin1').catch(() => '')).not.toContain('sk-first');
  const [job] = JSON.parse((await place.hud(['jobs', '--json'])).stdout) as { config: Record<string, unknown> }[];
  expect(job?.config).toMatchObject({ agent: 'claude', agentConfig: { model: 'claude-test', maxTokens: 77 }, withheld: ['apiKey'] });

  isUp = true;
  const without = await place.hud(['retry', first.job.id], { env });
  expect(without.code).toBe(1);
  expect(without.stderr).toContain("The agent's apiKey is not in the record, which keeps no secrets: --config gives it again.");
  const other = await place.hud(['retry', first.job.id, '-c', 'max_tokens=5'], { env });
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('a job goes on with the settings that it began with') });
  const retried = documentOf(await place.hud(['retry', first.job.id, '-c', 'api_key=sk-second', '--json'], { env }));
  expect(retried.summary).toMatchObject({ runs: 1, graded: 1, mean: 1, retried: 1 });
  expect(model.requests.at(-1)).toMatchObject({ model: 'claude-test', body: { max_tokens: 77 } });
  expect(JSON.stringify(model.requests.at(-1)?.headers)).toContain('sk-second');
}, 30_000);

test('--retry-on tries again within one eval, visibly and as often as --retries says', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS, 'agent.ts': AGENT });
  const flags = ['--agent-module', 'agent.ts', '--task-ids', 'count-b719ab35', '--retry-on', 'provider', '--retries', '2'];
  const finished = await place.hud(['eval', 'env.ts', ...flags]);
  expect(finished.stderr.match(/^trying again {2}count-b719ab35 #1, attempt [23]: The model is overloaded\.$/gm)).toHaveLength(2);
  expect(finished.stdout).toContain('2 attempts made way for another and count nowhere');
  expect(finished.stdout).toContain('left out 1 run without a verdict: 1 provider');
  expect(await place.hud(['eval', 'env.ts', 'nop', '--retry-on', 'cancelled'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--retry-on can't name 'cancelled'."),
  });
}, 30_000);
