/** Models that fall silent: in the middle of a reply, before it, and only for as long as they may. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { talk, VENDORS } from '../../test/vendors.ts';
import { unhurriedFetch } from '../capabilities/unhurried-fetch.ts';
import type { ModelTurn } from '../testing/index.ts';
import { claudeAdapter } from './claude.ts';
import { toolAgent } from './tool-agent.ts';

const TEXT = 'One two three four five six seven eight nine ten.';
const VENDOR_NAMES = Object.keys(VENDORS);
/** How many events a vendor's stream has up to its first text, and how many of them its SDK passes on. */
const FIRST_TEXT: Record<string, { sent: number; passedOn: number }> = {
  claude: { sent: 4, passedOn: 3 }, // a ping among them
  openai: { sent: 5, passedOn: 5 },
  'openai-compatible': { sent: 2, passedOn: 2 },
  gemini: { sent: 1, passedOn: 1 },
};

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.concurrent.each(VENDOR_NAMES)('%s', (vendor) => {
  const { sent, passedOn } = FIRST_TEXT[vendor]!;

  test('a stream that stalls in the middle of its text is a fault as soon as patience is over, and its connection ends', async () => {
    await using model = await talk(vendor, [{ text: TEXT, fault: { stallAfterEvents: sent } }], { streamPatienceSeconds: 0.4 });
    const heardAt: number[] = [];
    const error = await failureOf(model.ask(undefined, () => heardAt.push(performance.now())));
    const ms = performance.now() - heardAt[0]!;
    expect(heardAt).toHaveLength(1);
    expect(error).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      faultClass: 'provider',
      message: expect.stringMatching(
        /^The model's stream stopped: no event from \S+ for 0\.4 s after \d+ events?, in the middle/,
      ) as string,
      hint: expect.stringContaining('streamPatienceSeconds') as string,
      data: { events: passedOn, noRetry: true },
    });
    expect(ms).toBeGreaterThan(300);
    expect(ms).toBeLessThan(2_400);
    await vi.waitFor(() => expect(model.server.abandoned).toEqual([0]));
    expect(model.server.requests).toHaveLength(1);
  });

  test('a model may think before its text for longer than a stream may pause', async () => {
    const fault = { stallAfterEvents: sent - 1, resumeAfterMs: 900 };
    await using model = await talk(vendor, [{ text: TEXT, fault }], { streamPatienceSeconds: 0.2 });
    expect(await model.ask()).toMatchObject({ content: TEXT });
  });

  test('a pause in the text that is shorter than patience is none', async () => {
    const fault = { stallAfterEvents: sent, resumeAfterMs: 300 };
    await using model = await talk(vendor, [{ text: TEXT, fault }], { streamPatienceSeconds: 2 });
    expect(await model.ask()).toMatchObject({ content: TEXT });
  });

  test.each([
    { what: 'a stream that never begins', stream: true, fault: { hang: true as const } },
    { what: 'a stream without any text', stream: true, fault: { stallAfterEvents: sent - 1 } },
    { what: 'a whole reply that never comes', stream: false, fault: { hang: true as const } },
    { what: 'a whole reply that stops halfway', stream: false, fault: { stallAfterEvents: 1 } },
  ])('$what ends with the limit of the response', async ({ stream, fault }) => {
    const settings = { stream, streamPatienceSeconds: 0.1, responseTimeoutSeconds: 0.5 };
    let askedAt = 0;
    const script = (): ModelTurn => {
      askedAt = performance.now();
      return { text: TEXT, fault };
    };
    await using model = await talk(vendor, script, settings);
    const error = await failureOf(model.ask());
    const ms = performance.now() - askedAt;
    expect(error).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringMatching(/^The model did not answer: \S+ sent nothing for 0\.5 s/) as string,
      hint: expect.stringContaining('responseTimeoutSeconds') as string,
      data: { noRetry: true },
    });
    expect(ms).toBeLessThan(3_000);
    await vi.waitFor(() => expect(model.server.abandoned).toEqual([0]));
  });

  test("an interrupt ends a stalled stream with its reason, and the stream's connection", async () => {
    await using model = await talk(vendor, [{ text: TEXT, fault: { stallAfterEvents: sent } }]);
    const abort = new AbortController();
    const reason = new Error('enough');
    await expect(model.ask(abort.signal, () => abort.abort(reason))).rejects.toBe(reason);
    await vi.waitFor(() => expect(model.server.abandoned).toEqual([0]));
  });
});

/** A Claude that writes what it is told to, event by event. */
async function claudeSaying(say: (response: ServerResponse) => Promise<void>): Promise<AsyncDisposable & { url: string }> {
  const http = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    void say(response).then(() => response.end());
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

function event(response: ServerResponse, type: string, members: object = {}): void {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`);
}

function begin(response: ServerResponse): void {
  const usage = { input_tokens: 1, output_tokens: 1 };
  event(response, 'message_start', { message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], usage } });
  event(response, 'content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  event(response, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hi' } });
}

const ASK = { messages: [{ role: 'user' as const, content: { type: 'text', text: 'Hello' } }], tools: [], systemPrompt: undefined };

describe('pings', () => {
  test('are signs of life in the middle of a text', async () => {
    await using claude = await claudeSaying(async (response) => {
      begin(response);
      for (let i = 0; i < 12; i++) {
        event(response, 'ping');
        await pause(100);
      }
      event(response, 'content_block_stop', { index: 0 });
      event(response, 'message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } });
      event(response, 'message_stop');
    });
    const adapter = claudeAdapter({ apiKey: 'k', baseUrl: claude.url, streamPatienceSeconds: 0.5 });
    const turn = await adapter.begin(ASK).ask({ signal: new AbortController().signal, traceId: 't' });
    expect(turn.content).toBe('Hi');
  });

  test('alone do not keep a reply waiting for ever', async () => {
    await using claude = await claudeSaying(async (response) => {
      begin(response);
      while (!response.destroyed) {
        event(response, 'ping');
        await pause(50);
      }
    });
    const adapter = claudeAdapter({ apiKey: 'k', baseUrl: claude.url, streamPatienceSeconds: 0.5, responseTimeoutSeconds: 1 });
    const asked = adapter.begin(ASK).ask({ signal: new AbortController().signal, traceId: 't' });
    await expect(asked).rejects.toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: 'The model did not answer: anthropic sent nothing for 1 s after 3 events.',
    });
  });
});

test('a process that was busy for longer than patience reads what came in the meantime', async () => {
  const fault = { stallAfterEvents: FIRST_TEXT.claude!.sent, resumeAfterMs: 50 };
  await using model = await talk('claude', [{ text: TEXT, fault }], { streamPatienceSeconds: 0.3 });
  let isFirst = true;
  const turn = await model.ask(undefined, () => {
    if (isFirst) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800);
    isFirst = false;
  });
  expect(turn.content).toBe(TEXT);
});

test.each([0, -1, Number.NaN, 'soon'])('a patience of %s is refused before anything runs', (streamPatienceSeconds) => {
  const config = { streamPatienceSeconds: streamPatienceSeconds as number };
  expect(() => toolAgent('claude', config, claudeAdapter)).toThrow(
    expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining('streamPatienceSeconds') as string }) as Error,
  );
});

test("a reply may take longer than the platform's own limits allow", async () => {
  const key = Symbol.for('undici.globalDispatcher.1');
  await fetch('data:,'); // the platform makes its dispatcher when it is first needed
  const holder = globalThis as unknown as Record<
    symbol,
    { constructor: new (limits: object) => AsyncDisposable & { close(): Promise<void> } }
  >;
  const original = holder[key]!;
  const hasty = new original.constructor({ headersTimeout: 200, bodyTimeout: 200 });
  const server = createServer((_, response) => void pause(2_500).then(() => response.end('late')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  holder[key] = hasty as never;
  try {
    const [plain, unhurried] = await Promise.allSettled([fetch(url), unhurriedFetch(url)]);
    expect(plain.status).toBe('rejected');
    expect(unhurried).toMatchObject({ status: 'fulfilled', value: { status: 200 } });
  } finally {
    holder[key] = original;
    server.close();
    server.closeAllConnections();
    await hasty.close();
  }
});
