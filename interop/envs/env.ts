/** The environment that the Python package's client is tested against. Its twin is env.py; keep them alike. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Environment, type Answer } from 'hud';
import { z } from 'zod';

export const env = new Environment('interop', { version: '1.0.0' });
export const verifier = new Environment('interop-verifier', { version: '1.0.0' });

/** A template's body that receives `T` as the answer. */
type Graded<T> = AsyncGenerator<unknown, void, T>;

/** How often the clean-up of each `tracked` task ran. */
const cleanups: Record<string, number> = {};
const servers: Server[] = [];

env.initialize(async () => {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  servers.push(server);
  const { port } = server.address() as AddressInfo;
  env.addCapability({ name: 'echo', protocol: 'echo/1', url: `echo://127.0.0.1:${port}`, params: { greeting: 'hé' } });
});

env.shutdown(() => {
  for (const server of servers.splice(0)) server.close();
});

env.template(
  { id: 'echo', description: 'answer with the tag', args: z.object({ tag: z.string().default('none') }) },
  async function* ({ tag }) {
    const answer = yield `tag=${tag}`;
    yield { score: answer === tag ? 1 : 0, tag, answer };
  },
);

env.template(
  { id: 'fix_bug', args: z.object({ difficulty: z.int(), suite: z.string().default('coding') }) },
  async function* ({ difficulty, suite }) {
    yield `difficulty ${difficulty + 1} follows; suite ${suite}`;
    yield 1;
  },
);

env.template({ id: 'bare' }, async function* () {
  yield 'nothing to pass';
  yield 1;
});

env.template({ id: 'tracked', args: z.object({ key: z.string() }) }, async function* ({ key }) {
  try {
    const answer = yield `working on ${key}`;
    yield answer === 'done' ? 1 : 0.5;
  } finally {
    cleanups[key] = (cleanups[key] ?? 0) + 1;
  }
});

env.template({ id: 'journal' }, async function* () {
  yield JSON.stringify(cleanups);
  yield 1;
});

env.template({ id: 'slow', args: z.object({ seconds: z.number(), key: z.string() }) }, async function* ({ seconds, key }, { signal }) {
  try {
    await sleep(seconds * 1000, undefined, { signal });
    yield `slept ${key}`;
    yield 1;
  } finally {
    cleanups[key] = (cleanups[key] ?? 0) + 1;
  }
});

env.template({ id: 'shape', args: z.object({ kind: z.string() }) }, async function* ({ kind }) {
  const prompts: Record<string, unknown> = {
    text: 'hi',
    frame: { prompt: 'p', bindings: { robot: { token: 't' } } },
    object: { foo: 1 },
    null: null,
    turns: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two' },
    ],
  };
  yield prompts[kind];
  yield 1;
});

env.template({ id: 'large', args: z.object({ size: z.int() }) }, async function* ({ size }): Graded<string | null> {
  const answer = yield 'x'.repeat(size);
  yield { score: 1, length: answer?.length ?? 0 };
});

env.template({ id: 'grade_as', args: z.object({ kind: z.string() }) }, async function* ({ kind }) {
  const answer = yield `grade as ${kind}`;
  if (kind === 'raise') throw new Error('the grader gave up');
  if (kind === 'none') return;
  const grades: Record<string, unknown> = {
    bool: true,
    number: 0.25,
    text: 'great',
    keys: { points: 3 },
    nan: Number.NaN,
    error: { reward: 0, isError: true, content: 'no oracle' },
    result: {
      reward: 0.75,
      content: 'clœse',
      info: { max: 256, answer },
      subscores: [
        { name: 'judge', weight: 0.5, value: 1, info: { model: 'm' } },
        { name: 'parts', weight: 0.5, value: 0.5, children: [{ name: 'one', value: 0.5 }] },
      ],
    },
  };
  yield grades[kind];
});

env.template({ id: 'structured', returns: z.object({ text: z.string() }) }, async function* (): Graded<Answer<{ text: string }>> {
  const { content, raw } = yield 'reply as JSON';
  const parsed = typeof content !== 'string';
  yield { score: parsed ? 1 : 0, content: parsed ? content.text : content, raw };
});

env.template(
  { id: 'count', args: z.object({ word: z.string(), letter: z.string() }), returns: z.int() },
  async function* ({ word, letter }): Graded<Answer<number>> {
    const { content } = yield `How many "${letter}" are in "${word}"?`;
    yield content === [...word].filter((character) => character === letter).length ? 1 : 0;
  },
);

const factor = z.object({ factor: z.number().default(0.5) });

/** Grades the grade of another task: the shared verifier. */
env.template({ id: 'check', args: factor }, async function* ({ factor }): Graded<unknown> {
  const seen = (yield '') as { score: number };
  yield { score: seen.score * factor, seen };
});

/** The same, as an environment of its own. */
verifier.template({ id: 'check', args: factor }, async function* ({ factor }): Graded<unknown> {
  const seen = (yield '') as { score: number };
  yield { score: seen.score * factor, seen, separate: true };
});
