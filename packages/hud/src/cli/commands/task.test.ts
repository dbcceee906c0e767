import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bind, type BoundServer } from '../../environment/index.ts';
import { Environment } from '../../environment/index.ts';
import { LETTERS, workplace } from '../testing.ts';
import { z } from 'zod';

test('task list prints one line a task: slug, template, arguments', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const { code, stdout } = await place.hud(['task', 'list']);
  expect(code).toBe(0);
  expect(stdout).toBe(
    'count-f624d1ae\tcount {"word":"strawberry"}\ncount-9add9630\tcount {"word":"raspberry"}\ncount-b719ab35\tcount {"word":"blueberry"}\n',
  );
  const json = await place.hud(['task', 'list', '--source', 'env.ts', '--json']);
  expect((JSON.parse(json.stdout) as unknown[])[0]).toEqual({
    slug: 'count-f624d1ae',
    id: 'count',
    env: 'letters',
    args: { word: 'strawberry' },
  });
});

test('task list reads rows too, and names the row that is wrong', async () => {
  await using place = await workplace();
  await place.write({ 'rows.jsonl': '{"env":"e","id":"a","slug":"one","columns":{"level":1}}\n{"env":"e"}\n' });
  const wrong = await place.hud(['task', 'list', '-s', 'rows.jsonl']);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('rows.jsonl:2: Task row is malformed: id:');
  await place.write({ 'rows.jsonl': '{"env":"e","id":"a","slug":"one","columns":{"level":1}}\n' });
  expect(JSON.parse((await place.hud(['task', 'list', '-s', 'rows.jsonl', '--json'])).stdout)).toEqual([
    { slug: 'one', id: 'a', env: 'e', args: {}, columns: { level: 1 } },
  ]);
});

test('two tasks of one slug are an error that names it', async () => {
  await using place = await workplace();
  await place.write({ 'rows.jsonl': '{"env":"e","id":"a"}\n{"env":"e","id":"a"}\n' });
  const { code, stderr } = await place.hud(['task', 'list', '-s', 'rows.jsonl', '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'DUPLICATE_SLUG', message: expect.stringContaining('the slug a.') } });
});

test('start prints the prompt and leaves the task parked, grade prints the bare score of exactly that task', async () => {
  await using place = await workplace();
  await using server = await letters();
  const started = await place.hud(['task', 'start', 'count', '--url', server.url, '--args', '{"word":"banana","letter":"a"}']);
  expect(started).toMatchObject({ code: 0, stdout: "How many 'a's are in 'banana'?\n" });
  const graded = await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer', '3']);
  expect(graded).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  expect(server.starts).toBe(1);
});

test('grade starts the task anew only where none is parked', async () => {
  await using place = await workplace();
  await using server = await letters();
  const graded = await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer', '3', '--json']);
  expect(JSON.parse(graded.stdout)).toEqual({ score: 1, isError: false });
  expect(server.starts).toBe(1);
});

test('after any other error grade does not start the task again', async () => {
  await using place = await workplace();
  await using server = await letters();
  await place.hud(['task', 'start', 'broken', '-u', server.url]);
  const graded = await place.hud(['task', 'grade', 'broken', '-u', server.url]);
  expect(graded.code).toBe(1);
  expect(graded.stdout).toBe('');
  expect(graded.stderr).toContain('the grader broke');
  expect(server.starts).toBe(1);
});

test('with several parked tasks a session id says which is meant', async () => {
  await using place = await workplace();
  await using server = await letters();
  const start = async (word: string): Promise<{ sessionId: string; sessionSecret: string; prompt: string }> =>
    JSON.parse((await place.hud(['task', 'start', 'count', '-u', server.url, '-a', JSON.stringify({ word }), '--json'])).stdout) as {
      sessionId: string;
      sessionSecret: string;
      prompt: string;
    };
  const first = await start('strawberry');
  await start('blueberry');
  expect(first.prompt).toBe("How many 'r's are in 'strawberry'?");
  const unclear = await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer', '3']);
  expect(unclear.code).toBe(1);
  expect(unclear.stderr).toContain('2 parked sessions');
  const of = ['task', 'grade', 'count', '-u', server.url, '--session', first.sessionId, '--answer', '3'];
  expect((await place.hud([...of, '--session-secret', 'wrong'])).stderr).toContain('only with its session secret');
  expect((await place.hud([...of, '--session-secret', first.sessionSecret])).stdout).toBe('1\n');
});

test('a grade that reports an error prints no number and exits with 3', async () => {
  await using place = await workplace();
  await using server = await letters();
  const text = await place.hud(['task', 'grade', 'unsure', '-u', server.url]);
  expect(text).toEqual({ code: 3, stdout: '', stderr: 'Grading reported an error: the judge was away\n' });
  const json = await place.hud(['client', 'run', 'unsure', '-u', server.url, '--json']);
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toEqual({ score: 0, isError: true, content: 'the judge was away' });
});

test('--out writes the whole reply and prints nothing', async () => {
  await using place = await workplace();
  await using server = await letters();
  expect((await place.hud(['task', 'start', 'count', '-u', server.url, '-o', 'start.json'])).stdout).toBe('');
  expect((await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer', 'x', '-o', 'grade.json'])).stdout).toBe('');
  expect(JSON.parse(await readFile(join(place.path, 'start.json'), 'utf8'))).toEqual({ prompt: "How many 'r's are in 'strawberry'?" });
  expect(JSON.parse(await readFile(join(place.path, 'grade.json'), 'utf8'))).toMatchObject({ score: 0 });
});

test('an answer may come from a file or from standard input', async () => {
  await using place = await workplace();
  await using server = await letters();
  await place.write({ 'answer.txt': 'It is 3.' });
  expect((await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer-file', 'answer.txt'])).stdout).toBe('1\n');
  expect((await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer-file', '-'], { stdin: '3' })).stdout).toBe('1\n');
  const both = await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer-file', '-', '--answer', '3']);
  expect(both.code).toBe(2);
  expect((await place.hud(['task', 'grade', 'count', '-u', server.url, '--answer-file', 'none.txt'])).code).toBe(1);
});

test('a source is served for the occasion; a task is meant by slug, by position, or by its template', async () => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  for (const [name, word] of [
    ['count-9add9630', 'raspberry'],
    ['2', 'blueberry'],
  ]) {
    const { code, stdout, stderr } = await place.hud(['task', 'start', name ?? '', '--source', '.']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `How many 'r's are in '${word}'?\n` });
    expect(stderr).toContain('serve the source with `hud serve` first');
  }
  expect((await place.hud(['task', 'grade', '0', '-s', 'env.ts', '--answer', '3'])).stdout).toBe('1\n');
  const unclear = await place.hud(['task', 'start', 'count', '-s', 'env.ts']);
  expect(unclear).toMatchObject({ code: 1, stderr: expect.stringContaining("'count' means 3 tasks of env.") });
  const unknown = await place.hud(['task', 'start', 'conut-9add9630', '-s', 'env.ts']);
  expect(unknown).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Did you mean 'count-9add9630'? Tasks: count-f624d1ae, count-9add9630, count-b719ab35."),
  });
});

test('client info shows what is served', async () => {
  await using place = await workplace();
  await using server = await letters();
  const { code, stdout } = await place.hud(['client', 'info', '--url', server.url]);
  expect(code).toBe(0);
  expect(stdout).toBe(
    `letters 1.2.3 at ${server.url}\n\ncapabilities\n  tools: mcp/2025-11-25 -> http://127.0.0.1:9/mcp\n\ntasks\n  count: Count a letter\n  broken\n  unsure\n`,
  );
  const json = await place.hud(['client', 'info', '-u', server.url.replace('tcp://', ''), '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    env: { name: 'letters', version: '1.2.3' },
    sessionId: expect.stringMatching(/^sess-/),
    capabilities: [{ name: 'tools', protocol: 'mcp/2025-11-25', url: 'http://127.0.0.1:9/mcp' }],
    tasks: [{ id: 'count', description: 'Count a letter', args: { type: 'object' } }, { id: 'broken' }, { id: 'unsure' }],
  });
});

test('client run starts, answers and prints the reward', async () => {
  await using place = await workplace();
  await using server = await letters();
  expect(await place.hud(['client', 'run', 'count', '-u', server.url, '-a', '{"word":"banana"}', '--answer', '0'])).toEqual({
    code: 0,
    stdout: '1\n',
    stderr: '',
  });
  const unknown = await place.hud(['client', 'run', 'conut', '-u', server.url]);
  expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining("unknown task: 'conut'") });
});

test('where nothing is served it says so, at the end of its patience or on Ctrl-C', async () => {
  await using place = await workplace();
  const program = place.start(['task', 'start', 'x', '--url', 'tcp://127.0.0.1:9']);
  await program.printed('stderr', /Waiting for an environment at tcp:\/\/127\.0\.0\.1:9 …/);
  program.child.kill('SIGINT');
  expect(await program.finished).toMatchObject({ code: 130, stdout: '' });
});

async function letters(): Promise<BoundServer & { readonly starts: number }> {
  const env = new Environment({
    name: 'letters',
    version: '1.2.3',
    capabilities: [{ name: 'tools', protocol: 'mcp/2025-11-25', url: 'http://127.0.0.1:9/mcp' }],
  });
  let starts = 0;
  env.template(
    {
      id: 'count',
      description: 'Count a letter',
      args: z.object({ word: z.string().default('strawberry'), letter: z.string().default('r') }),
    },
    async function* ({ word, letter }) {
      starts += 1;
      const answer = yield `How many '${letter}'s are in '${word}'?`;
      yield answer?.includes(String(word.split(letter).length - 1)) ? 1 : 0;
    },
  );
  env.template({ id: 'broken' }, async function* () {
    starts += 1;
    yield 'prompt';
    throw new Error('the grader broke');
  });
  env.template({ id: 'unsure' }, async function* () {
    yield 'prompt';
    yield { reward: 0, isError: true, content: 'the judge was away' };
  });
  const server = await bind(env);
  return Object.defineProperty(server, 'starts', { get: () => starts }) as BoundServer & { readonly starts: number };
}
