import { expect, test } from 'vitest';
import { LETTERS, workplace } from '../../hud/src/cli/testing.ts';
import { startReporting, type Reporting } from '../src/api/runs/reporting.fixtures.ts';

const T1 = '03dd2a73d3df4d10a54ae3d87c2d530d';
const T2 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2';
const J = '11111111111111111111111111111111';
const call = { id: 'c1', name: 'look', arguments: { at: 'page' } };
const picture = `hud-blob:sha256=${'ab'.repeat(32)};bytes=9000;as=base64;type=image/png`;
const STEPS = [
  { step_id: 1, source: 'task', task_call: { phase: 'setup', name: 'letters', arguments: { n: 1 } }, messages: [], extra: {} },
  {
    step_id: 2,
    source: 'agent',
    model: 'm-1',
    content: 'I look.',
    tool_calls: [call],
    done: false,
    citations: [],
    messages: [],
    extra: {},
  },
  {
    step_id: 3,
    source: 'tool',
    call,
    result: { content: [{ type: 'image', data: picture, mimeType: 'image/png' }], isError: false },
    messages: [],
    extra: {},
  },
];
const settings = (at: Reporting) => ({ env: { HUD_BASE_URL: at.url, HUD_API_KEY: 'a' } });

async function reported(at: Reporting): Promise<void> {
  await at.call('POST', `/v2/trace/job/${J}/enter`, { name: 'letters, nightly', group: 1 });
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 'letters-1', model: 'm-1' });
  await at.record(T1, STEPS.slice(1));
  await at.record(T1, STEPS.slice(0, 1));
}

test('jobs are those of the platform while one is set, and those of the folder with --local', async () => {
  await using at = await startReporting();
  await using place = await workplace();
  await reported(at);
  await at.context.db.updateTable('runs').set({ cost_usd: 0.125 }).execute();
  const list = await place.hud(['jobs'], settings(at));
  expect(list.stdout).toMatch(
    new RegExp(
      '^id\tname\ttaskset\tagent\tstatus\truns\treward\tcost\tcreated\n' +
        `${J}\tletters, nightly\t\tm-1\trunning\t1\t-\t\\$0.13\t\\d{4}-.*Z\n$`,
    ),
  );
  expect(JSON.parse((await place.hud(['jobs', '--json', '--status', 'running'], settings(at))).stdout)).toMatchObject([
    { id: J, cost_usd: 0.125, taskset_name: null },
  ]);
  expect((await place.hud(['jobs', '--json', '--since', '2100-01-01'], settings(at))).stdout).toBe('[]\n');
  expect((await place.hud(['jobs', '--local', '--json'], settings(at))).stdout).toBe('[]\n');
  const runs = await place.hud(['jobs', J.slice(0, 6)], settings(at));
  expect(runs.stdout).toMatch(
    new RegExp(`^trace\ttask\t#\tattempt\tend\treward\tcost\tstarted\terror\n${T1}\tletters-1\t1\t1\trunning\t-\t\\$0.13\t.*Z\t\n$`),
  );
  expect(JSON.parse((await place.hud(['jobs', J, '--json'], settings(at))).stdout)).toMatchObject([
    { id: T1, status: 'running', reward: null },
  ]);
});

test('trace shows a run of the platform as one of the folder, pictures as blocks', async () => {
  await using at = await startReporting();
  await using place = await workplace();
  await reported(at);
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 0.75, evaluation_result: { score: 0.75 } });
  const { stdout, code } = await place.hud(['trace', T1.slice(0, 8)], settings(at));
  expect(code).toBe(0);
  expect(stdout).toBe(`letters-1 #1  m-1  started just now
trace ${T1} of job ${J}

── setup
  letters {"n":1}

── turn 1 — m-1
I look.
→ look({"at":"page"})

  [image, image/png, 9000 bytes]

graded: reward 0.75
`);
});

test('trace --follow is told what the platform is told, until the run has ended', async () => {
  await using at = await startReporting();
  await using place = await workplace();
  await reported(at);
  const follower = place.start(['trace', T1, '--follow'], settings(at));
  await follower.printed('stdout', /I look/);
  await at.record(T1, [
    { step_id: 4, source: 'agent', content: 'last words', tool_calls: [], done: true, citations: [], messages: [], extra: {} },
  ]);
  await follower.printed('stdout', /last words/);
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  const { code, stdout } = await follower.finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(/graded: reward 1\n$/);
  expect(stdout.match(/I look/g)).toHaveLength(1);
});

test('where the platform is away the record of the folder is listed, with a note; --remote fails', async () => {
  await using place = await workplace();
  const away = { env: { HUD_BASE_URL: 'http://127.0.0.1:9', HUD_API_KEY: 'a' } };
  await place.write({ 'env.ts': LETTERS });
  await place.hud(['eval', 'env.ts', 'nop', '--json']);
  const list = await place.hud(['jobs'], away);
  expect(list).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('completed'),
    stderr: expect.stringContaining("can't be reached"),
  });
  const insisted = await place.hud(['jobs', '--remote', '--json'], away);
  expect(insisted).toMatchObject({ code: 1, stdout: '' });
  expect(JSON.parse(insisted.stderr)).toMatchObject({ error: { code: 'PLATFORM_UNREACHABLE' } });
  expect((await place.hud(['jobs', '--remote', '--json'])).stderr).toContain('PLATFORM_MISSING');
});

test('a job that neither record has is an error that names both', async () => {
  await using at = await startReporting();
  await using place = await workplace();
  for (const args of [
    ['jobs', 'deadbeef'],
    ['trace', 'deadbeef'],
  ]) {
    const { code, stderr } = await place.hud(args, settings(at));
    expect(code).toBe(1);
    expect(stderr).toMatch(/There is no .*'deadbeef'.* nor on the platform at/s);
  }
});

test('cancel ends runs of the platform: of a job, one, or all', async () => {
  await using at = await startReporting();
  await using place = await workplace();
  await reported(at);
  await at.call('POST', `/v2/trace/${T2}/enter`, { job_id: J, task_slug: 'letters-2' });
  const one = await place.hud(['cancel', J.slice(0, 8), '-t', T1.slice(0, 8), '-y', '--json'], settings(at));
  expect(JSON.parse(one.stdout)).toEqual({ requested: 1, cancelled: 1, jobs: [{ id: J, cancelled: 1 }] });
  expect((await place.hud(['jobs', J], settings(at))).stdout).toContain('\tcancelling\t');
  expect(JSON.parse((await place.hud(['cancel', J, '-y', '--json'], settings(at))).stdout)).toEqual({
    requested: 2,
    cancelled: 2,
    jobs: [{ id: J, cancelled: 2 }],
  });
  for (const trace of [T1, T2]) await at.call('POST', `/v2/trace/${trace}/exit`, { status: 'cancelled', reward: 0 });
  expect(await place.hud(['cancel', '--all', '--yes'], settings(at))).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('Nothing was cancelled'),
  });
});

test.each([
  { args: ['cancel'], why: 'What should be cancelled?' },
  { args: ['cancel', J, '--all'], why: '--all takes no job' },
  { args: ['cancel', J], why: 'would be cancelled' },
  { args: ['jobs', '--local', '--remote'], why: 'exclude each other' },
  { args: ['jobs', '--since', 'yesterday'], why: '--since takes a date' },
  { args: ['jobs', '--status', 'done'], why: '--status takes running' },
])('$args is wrong usage', async ({ args, why }) => {
  await using place = await workplace();
  expect(await place.hud(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
});
