import { expect, test } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { startReporting, type Reporting } from '../runs/reporting.fixtures.ts';

const T1 = '03dd2a73d3df4d10a54ae3d87c2d530d';
const T2 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2';
const J = '11111111111111111111111111111111';
const step = (stepId: number) => ({ step_id: stepId, source: 'agent', content: `word ${stepId}`, tool_calls: [], messages: [], extra: {} });

interface Message {
  event: string;
  id?: string;
  data: { status?: string; event?: { text: string }; trace_id?: string; span?: { span_id: string }; id?: string };
}

/** Messages as they come; ends with the stream. */
async function* listen(at: Reporting, path: string, headers: Record<string, string> = {}, signal?: AbortSignal): AsyncGenerator<Message> {
  const response = await fetch(at.url + path, {
    headers: { authorization: 'Bearer a', ...headers },
    ...(signal === undefined ? {} : { signal }),
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  let text = '';
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      if (block.startsWith(':')) continue;
      const fields = Object.fromEntries(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      yield {
        event: fields.event ?? '',
        ...(fields.id === undefined ? {} : { id: fields.id }),
        data: JSON.parse(fields.data ?? '') as Message['data'],
      };
    }
  }
}

async function next(messages: AsyncGenerator<Message>, event: string): Promise<Message> {
  for (;;) {
    const { value, done } = await messages.next();
    if (done === true) throw new Error(`ended before ${event}`);
    if (value.event === event) return value;
  }
}

const texts = (messages: readonly Message[]): (string | undefined)[] =>
  messages.flatMap(({ event, data }) => (event === 'span' ? [data.event?.text] : []));

test('a run is told live, from its first step to its end', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J });
  await at.record(T1, [step(1)]);
  const messages = listen(at, `/v2/trace/${T1}/live`);
  expect((await next(messages, 'span')).data).toMatchObject({ trace_id: T1, event: { kind: 'agent_message', text: 'word 1' } });
  expect((await next(messages, 'run')).data).toMatchObject({ id: T1, status: 'running' });
  await at.record(T1, [step(2)]);
  expect((await next(messages, 'span')).data.event?.text).toBe('word 2');
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  expect((await next(messages, 'run')).data).toMatchObject({ status: 'completed', reward: 1 });
  expect((await next(messages, 'end')).data).toEqual({ trace_id: T1 });
  expect((await messages.next()).done).toBe(true);
});

test('who lost the connection goes on where it was', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`);
  await at.record(T1, [step(1), step(2)]);
  const before = listen(at, `/v2/trace/${T1}/live`);
  await next(before, 'span');
  const { id = '' } = await next(before, 'span');
  await before.return(undefined);
  await at.record(T1, [step(3)]);
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  const after = await Array.fromAsync(listen(at, `/v2/trace/${T1}/live`, { 'last-event-id': id }));
  expect(texts(after)).toEqual(['word 3']);
  expect(after.at(-1)?.event).toBe('end');
});

test('what another process writes into the same record is told too', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`);
  const messages = listen(at, `/v2/trace/${T1}/live?spans=raw`);
  await next(messages, 'run');
  const other = await openStorage(at.context.config);
  other.store.appendSpan({
    name: 'step.agent',
    traceId: T1,
    spanId: 'feedfeedfeedfeed',
    parentSpanId: null,
    kind: 'INTERNAL',
    startTime: '2026-08-21T10:00:00.000000Z',
    endTime: '2026-08-21T10:00:00.000000Z',
    statusCode: 'OK',
    statusMessage: null,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.payload': step(7) },
    events: [],
  });
  expect((await next(messages, 'span')).data).toMatchObject({
    event: { text: 'word 7' },
    span: { span_id: 'feedfeedfeedfeed', trace_id: T1 },
  });
  await messages.return(undefined);
  await other.close();
});

test('a job is told with its runs, and with the spans of no other job', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/job/${J}/enter`, { name: 'j', group: 1 });
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's' });
  await at.record(T1, [step(1)]);
  const messages = listen(at, `/v2/jobs/${J}/live`);
  expect((await next(messages, 'run')).data).toMatchObject({ id: T1, status: 'running' });
  expect((await next(messages, 'job')).data).toMatchObject({ id: J, status: 'running', runs: 1 });
  await at.call('POST', `/v2/trace/${T2}/enter`);
  await at.record(T2, [step(8)]);
  await at.record(T1, [step(2)]);
  const span = await next(messages, 'span');
  expect(span.data).toMatchObject({ trace_id: T1, event: { text: 'word 2' } });
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 0.5 });
  expect((await next(messages, 'run')).data).toMatchObject({ id: T1, status: 'completed' });
  expect((await next(messages, 'job')).data).toMatchObject({ status: 'completed', mean_reward: 0.5 });
  at.pass(60_000);
  expect((await next(messages, 'end')).data).toEqual({ job_id: J });

  const whole = await Array.fromAsync(listen(at, `/v2/jobs/${J}/live?after=0`));
  expect(texts(whole)).toEqual(['word 1', 'word 2']);
});

test('who goes away is not written to any more', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`);
  const watched = watchers(at);
  const leave = new AbortController();
  const messages = listen(at, `/v2/trace/${T1}/live`, {}, leave.signal);
  await next(messages, 'run');
  expect(watched.now()).toBe(1);
  leave.abort();
  await watched.none;
  expect(watched.now()).toBe(0);
});

test('a live answer ends when the platform closes', async () => {
  const at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`);
  const messages = listen(at, `/v2/trace/${T1}/live`);
  await next(messages, 'run');
  const rest = Array.fromAsync(messages).catch(() => 'cut');
  await at[Symbol.asyncDispose]();
  expect(await rest).toBeDefined();
});

/** How many watch the hub. */
function watchers({ context: { hub } }: Reporting): { now(): number; none: Promise<void> } {
  let count = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const watch = hub.watch.bind(hub);
  hub.watch = (id, wake) => {
    const unwatch = watch(id, wake);
    count += 1;
    return () => {
      unwatch();
      if ((count -= 1) === 0) resolve();
    };
  };
  return { now: () => count, none: promise };
}
