import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LETTERS, workplace, type Workplace } from '../testing.ts';

/** Thinks aloud, calls a tool, reads what it gave, answers. */
const AGENT = `
export const agent = {
  name: 'thinker', model: 'm-1',
  run: async (run) => {
    const call = { id: 'c1', name: 'count', arguments: { word: 'strawberry' } };
    run.record({ source: 'agent', model: 'm-1', reasoning: 'let me\\nsee', content: 'I shall count.', toolCalls: [call] });
    run.record({ source: 'tool', call, result: { content: [{ type: 'text', text: 'three\\n\\x1b[2Jlines' }, { type: 'image', data: 'AAAA', mimeType: 'image/png' }] } });
    run.record({ source: 'tool', call: { id: 'c2', name: 'broken', arguments: '{"x": ' }, result: { isError: true, content: [{ type: 'text', text: 'not JSON' }] } });
    run.record({ source: 'agent', model: 'm-1', content: '3' });
    run.trace.content = '3';
  },
};`;

interface Recorded {
  jobId: string;
  traceIds: string[];
}

test('jobs lists what was run, jobs <id> its runs, by id or its first digits', async () => {
  await using place = await workplace();
  const { jobId, traceIds } = await evaluated(place, ['--all']);
  const list = await place.hud(['jobs']);
  expect(list.stdout).toMatch(
    new RegExp(`^id\tname\ttaskset\tagent\tstatus\tcreated\n${jobId}\tenv \\(3 tasks\\)\tenv\tm-1\tcompleted\t\\d{4}-.*Z\n$`),
  );
  const rows = JSON.parse((await place.hud(['jobs', '--json'])).stdout) as Record<string, unknown>[];
  expect(rows).toMatchObject([
    {
      id: jobId,
      taskset_name: 'env',
      status: 'completed',
      group: 1,
      created_at: expect.stringMatching(/Z$/),
      config: { source: expect.stringMatching(/env\.ts$/) },
    },
  ]);
  const runs = (await place.hud(['jobs', jobId.slice(0, 6)])).stdout.replace(/\n$/, '').split('\n');
  expect(runs[0]).toBe('trace\ttask\t#\tattempt\tend\treward\tstarted\terror');
  expect(runs.slice(1).map((line) => line.split('\t').toSpliced(6, 1))).toEqual([
    [traceIds[0], 'count-f624d1ae', '1', '1', 'graded', '1.000', ''],
    [traceIds[1], 'count-9add9630', '1', '1', 'graded', '1.000', ''],
    [traceIds[2], 'count-b719ab35', '1', '1', 'graded', '0.000', ''],
  ]);
  const documents = JSON.parse((await place.hud(['jobs', jobId, '--json'])).stdout) as Record<string, unknown>[];
  expect(documents[0]).toMatchObject({
    trace_id: traceIds[0],
    job_id: jobId,
    class: 'graded',
    reward: 1,
    answer: '3',
    started_at: expect.stringMatching(/Z$/),
  });
  expect(JSON.parse((await place.hud(['jobs', jobId, '--json', '--limit', '2'])).stdout)).toHaveLength(2);
});

test('the newest job comes first, and a limit says that there are more', async () => {
  await using place = await workplace();
  await evaluated(place);
  const { jobId } = await evaluated(place);
  const { stdout, stderr } = await place.hud(['jobs', '--limit', '1']);
  expect(stdout.split('\n')[1]).toContain(jobId);
  expect(stderr).toBe('Only the newest is listed; --limit 2 lists more.\n');
});

test('trace prints every step word by word, and nothing that a terminal would obey', async () => {
  await using place = await workplace();
  const {
    jobId,
    traceIds: [traceId = ''],
  } = await evaluated(place);
  for (const id of [traceId, traceId.slice(0, 8), traceId.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-').toUpperCase()]) {
    const { code, stdout } = await place.hud(['trace', id]);
    expect(code).toBe(0);
    expect(stdout).toBe(`count-f624d1ae #1  m-1  started just now
trace ${traceId} of job ${jobId}

── setup
  count {"word":"strawberry"}

── prompt
How many 'r's are in 'strawberry'?

── turn 1 — m-1
let me
see
I shall count.
→ count({"word":"strawberry"})

  three
  \\x1b[2Jlines
  [image, image/png, 3 bytes]

  broken failed:
  not JSON

── turn 2 — m-1
3

── grade
reward 1

graded: reward 1
`);
  }
});

test('trace --json is the list of spans as they are stored and sent', async () => {
  await using place = await workplace();
  const {
    traceIds: [traceId = ''],
  } = await evaluated(place);
  const spans = JSON.parse((await place.hud(['trace', traceId, '--json'])).stdout) as {
    name: string;
    trace_id: string;
    attributes: Record<string, unknown>;
  }[];
  expect(spans.map(({ name }) => name)).toEqual([
    'step.task',
    'step.user',
    'step.agent',
    'step.tool',
    'step.tool',
    'step.agent',
    'step.task',
  ]);
  expect(spans[2]).toMatchObject({
    trace_id: traceId,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.payload': { step_id: 3, reasoning: 'let me\nsee', tool_calls: [{ id: 'c1' }] } },
  });
});

test('trace --follow goes on until the run has ended', async () => {
  await using place = await workplace();
  await place.write({
    'env.ts': LETTERS,
    'agent.ts': `import { existsSync } from 'node:fs';
      export const agent = async (run) => {
        run.record({ source: 'agent', content: 'first words' });
        while (!existsSync('go')) await new Promise((done) => setTimeout(done, 20));
        run.record({ source: 'agent', content: 'last words' });
        run.trace.content = '3';
      };`,
  });
  const evaluation = place.start(['eval', 'env.ts', '--agent-module', 'agent.ts']);
  await evaluation.printed('stderr', /first words/);
  const [, , traceId = ''] = (await place.hud(['jobs', await newestJob(place)])).stdout.match(/(\n)([0-9a-f]{32})\t/) ?? [];
  const follower = place.start(['trace', traceId, '--follow']);
  await follower.printed('stdout', /first words/);
  await place.write({ go: '' });
  const { code, stdout } = await follower.finished;
  expect(code).toBe(0);
  expect(stdout.match(/first words/g)).toHaveLength(1);
  expect(stdout).toMatch(/last words[\s\S]*graded: reward 1\n$/);
  await evaluation.finished;
});

test('a run without a verdict says what ended it', async () => {
  await using place = await workplace();
  await place.write({
    'env.ts': LETTERS.replace('answer?.includes', "(() => { throw new Error('no such rubric'); })() ?? answer?.includes"),
  });
  await place.hud(['eval', 'env.ts', 'nop']);
  const { stdout } = await place.hud(['jobs', await newestJob(place)]);
  const [, traceId = ''] = /\n([0-9a-f]{32})\t/.exec(stdout) ?? [];
  expect(stdout).toMatch(/\tgrader\t-\t.*\ttask 'count' failed: no such rubric \(at .*env\.ts:\d+:\d+\)\n/);
  expect((await place.hud(['trace', traceId])).stdout).toMatch(/no verdict: grader[\s\S]*no such rubric/);
});

test.each([
  { args: ['jobs', 'deadbeef'], message: "There is no job 'deadbeef' in " },
  { args: ['jobs', 'xyz'], message: "There is no job 'xyz' in " },
  { args: ['trace', 'deadbeef'], message: "There is no run with the trace id 'deadbeef' in " },
  { args: ['trace', 'my own name'], message: "There is no run with the trace id 'my own name' in " },
])('$args is an error, in a folder with a record and in one without', async ({ args, message }) => {
  await using place = await workplace();
  const before = await place.hud([...args, '--json']);
  expect(before).toMatchObject({ code: 1, stdout: '' });
  expect(await readdir(place.path)).toEqual([]);
  await evaluated(place);
  const after = await place.hud([...args, '--json']);
  expect(after).toMatchObject({ code: 1, stdout: '' });
  expect((JSON.parse(after.stderr) as { error: { message: string } }).error.message).toContain(message);
});

test('where nothing was recorded the list is empty, and none is made', async () => {
  await using place = await workplace();
  expect(await place.hud(['jobs', '--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  expect((await place.hud(['jobs'])).stderr).toContain('Nothing is recorded in');
  expect(await readdir(place.path)).toEqual([]);
});

test('HUD_DIR names another record', async () => {
  await using place = await workplace();
  const { jobId } = await evaluated(place);
  expect((await place.hud(['jobs'], { env: { HUD_DIR: 'elsewhere' } })).stdout).toBe('');
  expect((await place.hud(['jobs'], { env: { HUD_DIR: join(place.path, '.hud') } })).stdout).toContain(jobId);
});

test('a damaged record is an error with advice, for jobs and for doctor', async () => {
  await using place = await workplace();
  await mkdir(join(place.path, '.hud'));
  await writeFile(join(place.path, '.hud', 'hud.db'), 'this is no database, and long enough to be taken for one'.repeat(100));
  const { code, stdout, stderr } = await place.hud(['jobs', '--json']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'STORE_DAMAGED', hints: [expect.any(String)] } });
  const doctor = await place.hud(['doctor']);
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/^fail {2}record: .*hud\.db/m);
});

test('doctor looks at everything, shows no key, and succeeds when nothing is broken', async () => {
  await using place = await workplace();
  const { code, stdout } = await place.hud(['doctor', '--json'], { env: { OPENAI_API_KEY: 'sk-do-not-show' } });
  expect(code).toBe(0);
  expect(stdout).not.toContain('do-not-show');
  const findings = JSON.parse(stdout) as { name: string; level: string; detail: string; advice?: string }[];
  expect(findings.map(({ name }) => name)).toEqual([
    'node',
    'record',
    'cache',
    'keys',
    'port',
    'bubblewrap',
    'chromium',
    'desktop',
    'docker',
    'python',
  ]);
  expect(findings.find(({ name }) => name === 'keys')).toEqual({ name: 'keys', level: 'ok', detail: 'OPENAI_API_KEY' });
  for (const finding of findings) expect(finding.level === 'ok' || finding.advice !== undefined).toBe(true);
});

async function evaluated(place: Workplace, flags: string[] = []): Promise<Recorded> {
  await place.write({ 'env.ts': LETTERS, 'agent.ts': AGENT });
  const { stdout } = await place.hud(['eval', 'env.ts', '--agent-module', 'agent.ts', '--json', ...flags]);
  const { job, runs } = JSON.parse(stdout) as { job: { id: string }; runs: { traceId: string }[] };

  return { jobId: job.id, traceIds: runs.map(({ traceId }) => traceId) };
}

async function newestJob(place: Workplace): Promise<string> {
  const [job] = JSON.parse((await place.hud(['jobs', '--json'])).stdout) as { id: string }[];
  return job?.id ?? '';
}
