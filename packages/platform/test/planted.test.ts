/** Texts that clients store to hurt whoever reads them: browsers, terminals, streams, metrics. They stay texts. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workplace } from '../../hud/src/cli/testing.ts';
import { withoutChromium } from '../../hud/test/browser.ts';
import { Metrics } from '../src/metrics.ts';
import { beginPlatform, type Tenant, type TestPlatform } from './tenant.ts';
import { hex } from './tenants.fixtures.ts';

const MARKUP = [
  '<script>window.hurt=1</script>',
  '"><img src=x onerror=window.hurt=1>',
  "'><svg/onload=window.hurt=1>",
  '</title></style></textarea><iframe src=javascript:window.hurt=1>',
  '<a href="javascript:window.hurt=1">click</a>',
  '<!--<body onload=window.hurt=1>-->',
  '&lt;b&gt;&#60;script&#62;',
  '<form action=https://evil.example><input name=key>',
  '<base href=https://evil.example>',
  '<meta http-equiv=refresh content="0;url=https://evil.example">',
];
const CONTROLS = [
  '\u001b]0;owned\u0007',
  '\u001b[2J\u001b[1;1H',
  '\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\',
  '\u009b31m',
  '\u202egnp.exe',
  '\rspoofed line',
  '\b\b\b\b',
  '\u0000',
];
/** Whatever moves a cursor or turns text around, but for ends of lines. */
const STEERING = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u;
const LINES = '\n\nevent: end\ndata: {"status":"forged"}\n\nid: 999999\n';
const FORMULA = '=HYPERLINK("https://evil.example","x")';
const HURT = [...MARKUP, ...CONTROLS.slice(0, 7), LINES, FORMULA].join(' ');

const [job, trace] = [hex(), hex()];
let platform: TestPlatform;
let a: Tenant;

beforeAll(async () => {
  platform = await beginPlatform({ HUD_PLATFORM_REQUESTS_PER_MINUTE: '100000' });
  a = await platform.owner();
  const done = async (path: string, body: object): Promise<void> => {
    const { status, text } = await a.post(path, body);
    expect(status, text).toBe(200);
  };
  await done('/v2/tasks/upload', {
    taskset_name: HURT.slice(0, 190),
    tasks: [{ name: HURT.slice(0, 400), env: { name: 'e' }, task_id: HURT.slice(0, 400) }],
  });
  await done('/v2/registry', { name: MARKUP[0] as string, manifest: { tasks: [{ id: HURT }] } });
  await done('/v2/api-keys', { name: HURT.slice(0, 100) });
  await done(`/v2/trace/job/${job}/enter`, { name: HURT });
  await done(`/v2/trace/${trace}/enter`, { job_id: job, task_slug: HURT, agent: HURT, model: HURT, group_id: HURT });
  const calls = [{ id: HURT, name: HURT, arguments: { [HURT]: HURT } }];
  const steps = [
    {
      step_id: 1,
      source: 'agent',
      model: HURT,
      content: HURT,
      reasoning: HURT,
      tool_calls: calls,
      done: false,
      citations: [],
      messages: [],
      extra: {},
    },
    {
      step_id: 2,
      source: 'tool',
      call: calls[0],
      result: {
        content: [
          { type: 'text', text: HURT },
          { type: 'image', data: 'x"onerror="window.hurt=1', mimeType: 'image/svg+xml' },
          { type: HURT, url: 'javascript:window.hurt=1' },
        ],
        isError: true,
      },
      error: HURT,
      messages: [],
      extra: {},
    },
  ];
  await done(`/v3/api/trace/${trace}/telemetry-upload`, { telemetry: steps.map((payload) => spanOf(payload)) });
  await done(`/v2/trace/${trace}/exit`, { status: 'error', error: HURT, metadata: { [HURT]: HURT } });
});

afterAll(async () => {
  await platform[Symbol.asyncDispose]();
});

function spanOf(payload: object): object {
  const time = '2026-08-21T10:00:00.125000Z';
  return {
    name: HURT.slice(0, 100),
    trace_id: trace,
    span_id: hex().slice(0, 16),
    parent_span_id: null,
    kind: 'INTERNAL',
    start_time: time,
    end_time: time,
    status_code: 'ERROR',
    status_message: HURT,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': trace, 'hud.payload': payload, [HURT]: HURT },
    events: [],
  };
}

const PAGES = ['/jobs', `/jobs/${job}`, `/trace/${trace}`, '/login', `/device?code=${encodeURIComponent(MARKUP[1] as string)}`];

test('pages hold nothing of it as markup, and nothing that steers text', async () => {
  const headers = { authorization: `Bearer ${a.key}` };
  for (const path of PAGES) {
    const { status, text } = await platform.request(path, { headers });
    expect([200, 404], path).toContain(status);
    expect(text, path).not.toMatch(/<(script|iframe|svg|base|a href="javascript|img src=x|form action=https)|<meta http-equiv/i);
    expect(text, path).not.toMatch(STEERING);
  }
});

test.skipIf(withoutChromium !== false)(
  `a browser builds only what the pages mean${withoutChromium === false ? '' : ` (${withoutChromium})`}`,
  { timeout: 90_000 },
  async () => {
    await using local = await beginPlatform({}, { isLocal: true });
    const post = async (path: string, body: object): Promise<void> => {
      const answer = await local.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(answer.status, answer.text).toBe(200);
    };
    await post(`/v2/trace/job/${job}/enter`, { name: HURT });
    await post(`/v2/trace/${trace}/enter`, { job_id: job, task_slug: HURT, model: HURT });
    await post(`/v3/api/trace/${trace}/telemetry-upload`, {
      telemetry: [
        spanOf({ step_id: 1, source: 'agent', content: HURT, tool_calls: [], done: true, messages: [], citations: [], extra: {} }),
      ],
    });
    await post(`/v2/trace/${trace}/exit`, { status: 'error', error: HURT });
    const profile = await mkdtemp(join(tmpdir(), 'hud-dom-'));
    try {
      for (const path of ['/jobs', `/jobs/${job}`, `/trace/${trace}`]) {
        const dom = await domOf(local.url + path, profile);
        expect(dom, path).toContain('&lt;script&gt;window.hurt=1');
        const tags = new Set([...dom.matchAll(/<([a-z][\w-]*)/gi)].map(([, name = '']) => name.toLowerCase()));
        expect(
          [...tags].filter((tag) => ['script', 'iframe', 'svg', 'img', 'base', 'form', 'input', 'object', 'embed'].includes(tag)),
          path,
        ).toEqual([]);
        expect(
          [...dom.matchAll(/<[a-z][^>]*\s(on\w+|href="(?!\/))/gi)].map(([found]) => found),
          path,
        ).toEqual([]);
      }
    } finally {
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  },
);

/** What Chromium makes of a page, scripts allowed as far as the page's own policy does. */
async function domOf(url: string, profile: string): Promise<string> {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${profile}`, '--dump-dom', url];
  const command = process.platform === 'darwin' ? '/Applications/Chromium.app/Contents/MacOS/Chromium' : 'chromium';
  const { stdout } = await promisify(execFile)(command, flags, { timeout: 40_000, maxBuffer: 1 << 26 });
  return stdout;
}

test.each([
  'image/svg+xml',
  'text/html',
  'application/xhtml+xml',
  'text/xml',
  'application/javascript',
  'image/png, text/html',
  'IMAGE/SVG+XML; charset=x',
])('a blob that says it is %s is never shown in place', async (type) => {
  const bytes = `<svg xmlns="http://www.w3.org/2000/svg" onload="window.hurt=1"/><!-- ${type} -->`;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const headers = { authorization: `Bearer ${a.key}` };
  expect(
    (await platform.request(`/v2/blobs/${sha256}`, { method: 'PUT', headers: { ...headers, 'content-type': type }, body: bytes })).status,
  ).toBe(200);
  const { headers: told } = await platform.request(`/v2/blobs/${sha256}`, { headers });
  expect(told.get('content-type')).toBe('application/octet-stream');
  expect(told.get('content-disposition')).toMatch(/^attachment; filename="[0-9a-f]{16}"$/);
  expect(told.get('content-security-policy')).toContain('sandbox');
});

test('a live stream stays a stream of the events that the platform wrote', async () => {
  for (const path of [`/v2/trace/${trace}/live?spans=raw&kinds=all&after=0`, `/v2/jobs/${job}/live?spans=raw&kinds=all&after=0`]) {
    const response = await fetch(platform.url + path, {
      headers: { authorization: `Bearer ${a.key}` },
      signal: AbortSignal.timeout(20_000),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(part, { stream: true });
      if (text.includes('event: run')) break;
    }
    const events = text
      .split('\n\n')
      .filter((one) => one !== '' && !one.startsWith(':'))
      .slice(0, -1);
    for (const event of events) expect(event).toMatch(/^event: (span|run|job|end)\n(id: \d+\n)?data: [^\n]*$/);
    expect(text).not.toMatch(/^id: 999999/m);
    expect(text.includes('\r') || text.includes('\0')).toBe(false);
  }
});

test('labels of metrics are escaped, and the metrics tell nothing that a client wrote', async () => {
  const metrics = new Metrics();
  metrics.counter('hud_x_total', 'X.')({ name: 'a"} 1\nforged_total 7\\' });
  expect(
    metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('forged')),
  ).toEqual([]);
  expect(metrics.text()).toContain('hud_x_total{name="a\\"} 1\\nforged_total 7\\\\"} 1');
  const { text, headers } = await platform.request('/metrics');
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(text).not.toMatch(/hurt|evil/);
  for (const line of text.trim().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) .+|hud_\w+(\{[^}]*\})? [-+\d.e]+)$|^(process|nodejs)_/);
});

test('the command line prints nothing that steers a terminal', { timeout: 60_000 }, async () => {
  await using place = await workplace();
  const env = { HUD_BASE_URL: platform.url, HUD_API_KEY: a.key };
  for (const args of [['jobs'], ['jobs', job], ['trace', trace], ['trace', trace, '--full'], ['models']]) {
    const { stdout, stderr } = await place.hud(args, { env });
    expect(stdout + stderr, args.join(' ')).not.toMatch(STEERING);
  }
  const json = await place.hud(['jobs', '--json'], { env });
  expect((JSON.parse(json.stdout) as { name: string }[])[0]?.name).toBe(HURT);
});
