/** Our client against an environment that the Python package serves: the control channel, call by call. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Run, connect, type Client, type ConnectOptions } from '../../packages/hud/src/client/index.ts';
import { Task, isHudError, type ErrorCode, type JsonObject } from '../../packages/hud/src/protocol/index.ts';
import { Runtime } from '../../packages/hud/src/runtime/provider.ts';
import type { Case } from '../report.ts';

export interface PythonServer {
  url: string;
  /** It reads 16 MiB a message, as releases from 0.6.16 on do; the ones before read 65,536 bytes. */
  readsLongFrames: boolean;
  /** It reads on while a task starts or grades. */
  isInterruptible: boolean;
}

export function typescriptClientCases(server: PythonServer): Case[] {
  const python = new PythonEnvironment(server);
  const cases = [
    ...manifestCases(python),
    ...sessionCases(python),
    ...taskCases(python),
    ...gradeCases(python),
    ...sizeCases(python),
    ...capabilityCases(python),
    ...runCases(python),
  ];
  return cases.map((one) => ({
    ...one,
    run: async (context) => {
      await one.run(context);
      assert.deepEqual(await python.sweep(), [], 'sessions that the case left parked');
    },
  }));
}

/** The served environment, with what several cases ask of it. */
class PythonEnvironment {
  readonly readsLongFrames: boolean;
  readonly isInterruptible: boolean;
  readonly #runtime: Runtime;

  constructor({ url, readsLongFrames, isInterruptible }: PythonServer) {
    this.#runtime = new Runtime(url);
    this.readsLongFrames = readsLongFrames;
    this.isInterruptible = isInterruptible;
  }

  async connect(options: ConnectOptions = {}): Promise<Client> {
    return await connect(this.#runtime, { readyTimeout: 10, ...options });
  }

  /** Starts `echo` and drops the connection; returns the session that stays behind. */
  async park(tag: string): Promise<string> {
    await using client = await this.connect();
    await client.start('echo', { tag });
    return client.sessionId;
  }

  async cleanups(key: string): Promise<number> {
    await using client = await this.connect();
    const { prompt } = await client.start('journal');
    await client.cancel();
    return (JSON.parse(String(prompt)) as Record<string, number>)[key] ?? 0;
  }

  /** Ends whatever is parked; returns what that was. */
  async sweep(): Promise<string[]> {
    await using client = await this.connect();
    const error = await client.grade(null).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    if (error === undefined) return ['the only one'];
    const ids = /parked sessions \((.*)\)/.exec(String(error))?.[1]?.split(', ');
    if (ids === undefined) assert.match(String(error), /no task in progress/);
    for (const id of ids ?? []) {
      await using parked = await this.connect({ session: { id } });
      await parked.cancel();
    }
    return ids ?? [];
  }
}

/** Waits for a rejection with this message, and this code when one is given. */
async function refused(work: Promise<unknown>, message: RegExp, code?: ErrorCode): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isHudError(error), `a HudError was expected, got ${String(error)}`);
    assert.match(error.message, message);
    if (code !== undefined) assert.equal(error.code, code);
    return true;
  });
}

function unique(name: string): string {
  return `${name}-${process.hrtime.bigint()}`;
}

function manifestCases(python: PythonEnvironment): Case[] {
  return [
    {
      name: 'hello names the environment and its capability',
      async run() {
        await using client = await python.connect();
        assert.deepEqual(client.env, { name: 'interop', version: '1.0.0' });
        assert.match(client.sessionId, /^sess-[0-9a-f]+$/);
        assert.equal(client.sessionSecret, undefined);
        const [echo] = client.manifest;
        assert.deepEqual([echo?.name, echo?.protocol, echo?.params], ['echo', 'echo/1', { greeting: 'hé' }]);
      },
    },
    {
      name: 'tasks.list gives the argument schemas (36)',
      async run() {
        await using client = await python.connect();
        const tasks = new Map((await client.listTasks()).map((task) => [task.id, task]));
        assert.deepEqual(tasks.get('fix_bug')?.args, {
          type: 'object',
          additionalProperties: false,
          required: ['difficulty'],
          properties: {
            difficulty: { title: 'Difficulty', type: 'integer' },
            suite: { title: 'Suite', type: 'string', default: 'coding' },
          },
        });
        assert.deepEqual(tasks.get('bare')?.args, { type: 'object', additionalProperties: false, properties: {} });
        assert.equal(tasks.get('echo')?.description, 'answer with the tag');
        assert.deepEqual(tasks.get('count')?.returns, { type: 'integer' });
      },
    },
  ];
}

function sessionCases(python: PythonEnvironment): Case[] {
  return [
    {
      name: 'two sessions hold a task each (20)',
      async run() {
        await using one = await python.connect();
        await using two = await python.connect();
        await one.start('echo', { tag: 'a' });
        await two.start('echo', { tag: 'b' });
        assert.equal((await one.grade('a')).raw.tag, 'a');
        assert.equal((await two.grade('b')).raw.tag, 'b');
      },
    },
    {
      name: 'a second start replaces the first and cleans it up once (21)',
      async run() {
        const [first, second] = [unique('first'), unique('second')];
        await using client = await python.connect();
        await client.start('tracked', { key: first });
        assert.equal((await client.start('tracked', { key: second })).prompt, `working on ${second}`);
        assert.equal((await client.grade('done')).reward, 1);
        assert.deepEqual([await python.cleanups(first), await python.cleanups(second)], [1, 1]);
      },
    },
    {
      name: "a dropped session's task is graded by the next connection, once (22)",
      async run() {
        await python.park('left');
        await using adopter = await python.connect();
        assert.equal((await adopter.grade('left')).reward, 1);
        await using late = await python.connect();
        await refused(late.grade('left'), /no task in progress/, 'RPC_ERROR');
      },
    },
    {
      name: 'two parked tasks are ambiguous, and named in order (23)',
      async run() {
        const [first, second] = [await python.park('a'), await python.park('b')].toSorted();
        await using client = await python.connect();
        await refused(client.grade('a'), new RegExp(`2 parked sessions \\(${first}, ${second}\\)`));
        assert.equal((await python.sweep()).length, 2);
      },
    },
    {
      name: 'a session is resumed by its id (24)',
      async run() {
        const [first, second] = [await python.park('a'), await python.park('b')];
        await using resumed = await python.connect({ session: { id: second } });
        assert.equal(resumed.sessionId, second);
        assert.equal((await resumed.grade('b')).raw.tag, 'b');
        await using other = await python.connect({ session: { id: first } });
        assert.equal((await other.grade('a')).reward, 1);
      },
    },
    {
      name: 'a session that lives, or is unknown, is not resumed (25)',
      async run() {
        await using live = await python.connect();
        await refused(python.connect({ session: { id: live.sessionId } }), /has a live connection/);
        await refused(python.connect({ session: { id: 'sess-nope' } }), /unknown session/);
      },
    },
    {
      name: 'a start that outlives its connection can be resumed (27)',
      async run() {
        const abandon = new AbortController();
        await using client = await python.connect();
        const starting = client.start('slow', { seconds: 0.6, key: unique('slow') }, { signal: abandon.signal });
        starting.catch(() => {}); // rejected by the abort below
        await sleep(100);
        await refused(python.connect({ session: { id: client.sessionId } }), /has a live connection/);
        abandon.abort();
        await assert.rejects(starting);
        const resumed = await resumeOnceDone(python, client.sessionId);
        await using _resumed = resumed;
        assert.equal((await resumed.grade('x')).reward, 1);
      },
    },
    {
      name: 'cancel ends the task and cleans up; a grade then finds nothing',
      async run() {
        const key = unique('cancelled');
        await using client = await python.connect();
        await client.start('tracked', { key });
        await client.cancel();
        await client.cancel();
        assert.equal(await python.cleanups(key), 1);
        await refused(client.grade('done'), /no task in progress/);
      },
    },
    ...(python.isInterruptible
      ? [
          {
            name: 'cancel reaches a start that still runs',
            async run() {
              const key = unique('running');
              await using client = await python.connect();
              const starting = client.start('slow', { seconds: 25, key });
              const interrupted = refused(starting, /interrupted/, 'RPC_ERROR');
              await sleep(200); // so that the task is inside its first part
              await client.cancel();
              await interrupted;
              assert.equal(await python.cleanups(key), 1);
              assert.equal((await client.start('bare')).prompt, 'nothing to pass');
              await client.cancel();
            },
          },
        ]
      : []),
    {
      name: 'heartbeats keep an idle connection alive',
      async run() {
        await using client = await python.connect({ heartbeatMs: 50, patienceMs: 5_000 });
        await client.start('echo', { tag: 'beat' });
        await sleep(600);
        assert.equal((await client.grade('beat')).reward, 1);
      },
    },
  ];
}

/** The Python server keeps a session alive until the start it runs is over. */
async function resumeOnceDone(python: PythonEnvironment, id: string): Promise<Client> {
  for (let tries = 0; ; tries++) {
    try {
      return await python.connect({ session: { id } });
    } catch (error) {
      if (tries > 100 || !/live connection/.test(String(error))) throw error;
      await sleep(50);
    }
  }
}

function taskCases(python: PythonEnvironment): Case[] {
  return [
    {
      name: 'arguments are coerced; wrong names are refused and no task runs (30)',
      async run() {
        const key = unique('before');
        await using client = await python.connect();
        assert.equal((await client.start('fix_bug', { difficulty: '5' })).prompt, 'difficulty 6 follows; suite coding');
        assert.equal((await client.start('fix_bug', { difficulty: 7, suite: 'ops' })).prompt, 'difficulty 8 follows; suite ops');
        await refused(client.start('nope'), /unknown task: 'nope'/);
        await client.start('tracked', { key });
        await refused(client.start('echo', { zz: 1 }), /bad args.*zz/);
        assert.equal(await python.cleanups(key), 1);
        await refused(client.grade('x'), /no task in progress/);
      },
    },
    {
      name: 'prompts keep their shape (31)',
      async run() {
        const frames: Record<string, JsonObject> = {
          text: { prompt: 'hi' },
          frame: { prompt: 'p', bindings: { robot: { token: 't' } } },
          object: { prompt: { foo: 1 } },
          null: { prompt: null },
          turns: {
            prompt: [
              { role: 'user', content: 'one' },
              { role: 'assistant', content: 'two' },
            ],
          },
        };
        await using client = await python.connect();
        for (const [kind, frame] of Object.entries(frames)) assert.deepEqual(await client.start('shape', { kind }), frame, kind);
        await client.cancel();
      },
    },
    {
      name: 'answers are read as the declared type, else kept as text (34)',
      async run() {
        await using client = await python.connect();
        const reply = async (answer: unknown): Promise<unknown[]> => {
          await client.start('structured');
          const { raw } = await client.grade(answer);
          return [raw.score, raw.content, raw.raw];
        };
        assert.deepEqual(await reply('{"text":"yo"}'), [1, 'yo', '{"text":"yo"}']);
        assert.deepEqual(await reply('not json'), [0, 'not json', 'not json']);
        assert.deepEqual((await reply({ text: 'yo' })).slice(0, 2), [1, 'yo']);
        await client.start('count', { word: 'strawberry', letter: 'r' });
        assert.equal((await client.grade('3')).reward, 1);
      },
    },
    {
      name: 'text outside ASCII survives both ways',
      async run() {
        const tag = 'é😀\u2028\u0000中';
        await using client = await python.connect();
        assert.equal((await client.start('echo', { tag })).prompt, `tag=${tag}`);
        const { reward, raw } = await client.grade(tag);
        assert.deepEqual([reward, raw.answer], [1, tag]);
      },
    },
  ];
}

function gradeCases(python: PythonEnvironment): Case[] {
  const graded = async (client: Client, kind: string): Promise<Awaited<ReturnType<Client['grade']>>> => {
    await client.start('grade_as', { kind });
    return await client.grade('the answer');
  };
  return [
    {
      name: 'numbers and booleans become a score (32)',
      async run() {
        await using client = await python.connect();
        assert.equal((await graded(client, 'bool')).reward, 1);
        assert.equal((await graded(client, 'number')).reward, 0.25);
        assert.equal((await graded(client, 'none')).reward, 0);
      },
    },
    {
      name: 'what is no grade is an error, readably (32)',
      async run() {
        await using client = await python.connect();
        await refused(graded(client, 'text'), /yield a number/, 'RPC_ERROR');
        await refused(graded(client, 'keys'), /score/);
        await refused(graded(client, 'nan'), /finite/);
        await refused(client.grade('x'), /no task in progress/);
      },
    },
    {
      name: 'an evaluation result arrives whole (33)',
      async run() {
        await using client = await python.connect();
        const grade = await graded(client, 'result');
        assert.deepEqual([grade.reward, grade.done, grade.isError, grade.content], [0.75, true, false, 'clœse']);
        assert.deepEqual(grade.info, { max: 256, answer: 'the answer' });
        const [judge, parts] = grade.subscores ?? [];
        assert.deepEqual([judge?.name, judge?.weight, judge?.value, judge?.info], ['judge', 0.5, 1, { model: 'm' }]);
        assert.deepEqual([parts?.name, parts?.children?.[0]?.name, parts?.children?.[0]?.value], ['parts', 'one', 0.5]);
        assert.equal('reward' in grade.raw, false);
        const failed = await graded(client, 'error');
        assert.deepEqual([failed.reward, failed.isError, failed.content], [0, true, 'no oracle']);
      },
    },
    {
      name: 'a task that raises while grading reports it, and is over (35)',
      async run() {
        await using client = await python.connect();
        await refused(graded(client, 'raise'), /the grader gave up/, 'RPC_ERROR');
        await refused(client.grade('x'), /no task in progress/);
      },
    },
  ];
}

function sizeCases(python: PythonEnvironment): Case[] {
  return [
    {
      name: 'a 60,000-byte prompt and answer pass',
      async run() {
        await using client = await python.connect();
        assert.equal(String((await client.start('large', { size: 60_000 })).prompt).length, 60_000);
        assert.equal((await client.grade('y'.repeat(60_000))).raw.length, 60_000);
      },
    },
    {
      name: 'a 70,000-byte prompt passes',
      async run() {
        await using client = await python.connect();
        assert.equal(String((await client.start('large', { size: 70_000 })).prompt).length, 70_000);
        await client.cancel();
      },
    },
    python.readsLongFrames
      ? {
          name: 'a 200,000-byte answer is graded',
          async run() {
            await using client = await python.connect();
            await client.start('large', { size: 1 });
            assert.equal((await client.grade('z'.repeat(200_000))).raw.length, 200_000);
          },
        }
      : {
          name: 'an answer that this environment cannot read ends with an error that says why',
          async run() {
            const client = await python.connect();
            await client.start('large', { size: 1 });
            await assert.rejects(client.grade('z'.repeat(200_000)), (error) => {
              assert.ok(isHudError(error));
              assert.match(`${error.message} ${error.hint ?? ''}`, /200\d\d\d.*65536/s);
              return true;
            });
            await client.close();
            await python.sweep();
          },
        },
    {
      name: 'an answer of more than 16 MiB is refused before it is sent',
      async run() {
        await using client = await python.connect();
        await client.start('large', { size: 1 });
        await refused(client.grade('z'.repeat(17_000_000)), /17000\d\d\d bytes.*16777216/, 'FRAME_TOO_LARGE');
        assert.equal((await client.grade('short')).raw.length, 5);
      },
    },
  ];
}

function capabilityCases(python: PythonEnvironment): Case[] {
  const echoed = async (client: Client, payload: Buffer): Promise<Buffer> => {
    const { port } = new URL((await client.binding('echo')).url.replace('echo:', 'http:'));
    const socket = dial({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.end(payload);
    await once(socket, 'end');
    return Buffer.concat(chunks);
  };
  const mebibyte = Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, i) => i % 256));
  return [
    {
      name: 'bytes through the tunnel come back whole, half-close included (12, 18)',
      async run() {
        await using client = await python.connect();
        assert.equal((await client.binding('echo/1')).name, 'echo');
        assert.equal(String(await echoed(client, Buffer.from('ping\n{}\n'))), 'ping\n{}\n');
        assert.ok((await echoed(client, mebibyte)).equals(mebibyte), 'a mebibyte came back changed');
      },
    },
    {
      name: 'a stream needs no local port',
      async run() {
        await using client = await python.connect();
        const stream = await client.stream('echo');
        stream.end(mebibyte);
        const chunks = (await stream.toArray()) as Buffer[];
        assert.ok(Buffer.concat(chunks).equals(mebibyte), 'a mebibyte came back changed');
      },
    },
    {
      name: 'eight tunnels at once do not mix (17)',
      async run() {
        await using client = await python.connect();
        const payloads = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000, 65 + i));
        const replies = await Promise.all(payloads.map(async (payload) => await echoed(client, payload)));
        assert.ok(
          replies.every((reply, i) => reply.equals(payloads[i] as Buffer)),
          'a tunnel echoed foreign bytes',
        );
      },
    },
    {
      name: 'an unknown capability is refused by name (14)',
      async run() {
        await using client = await python.connect();
        await refused(client.binding('nope'), /nope/, 'CAPABILITY_NOT_FOUND');
        await refused(client.stream('nope'), /unknown capability: 'nope'/);
      },
    },
  ];
}

function runCases(python: PythonEnvironment): Case[] {
  return [
    {
      name: 'a run reads the prompt, answers and is graded',
      async run() {
        await using client = await python.connect();
        const run = await Run.start(client, new Task({ env: 'interop', id: 'echo', args: { tag: 'r' } }));
        assert.equal(run.promptText, 'tag=r');
        run.trace.content = 'r';
        await run.grade();
        assert.deepEqual([run.reward, run.evaluation.tag], [1, 'r']);
      },
    },
    {
      name: 'a chat prompt becomes turns',
      async run() {
        await using client = await python.connect();
        const run = await Run.start(client, new Task({ env: 'interop', id: 'shape', args: { kind: 'turns' } }));
        assert.deepEqual(
          run.promptMessages.map(({ role, content }) => [role, content.text]),
          [
            ['user', 'one'],
            ['assistant', 'two'],
          ],
        );
        await client.cancel();
      },
    },
  ];
}
