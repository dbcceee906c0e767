import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { GOALS } from '../../../../examples/browser/goals.ts';
import { Shop } from '../../../../examples/browser/shop.ts';
import { serveSite, startBrowser, withoutChromium } from '../../test/browser.ts';
import type { CdpScreen } from '../capabilities/cdp-screen.ts';
import { Run, connect } from '../client/index.ts';
import { bind } from '../environment/index.ts';
import { declareChromium, type Chromium } from '../environment/chromium.ts';
import { Environment } from '../environment/environment.ts';
import type { JsonObject } from '../protocol/json.ts';
import { scriptedModel, type ModelRequest, type ModelTurn } from '../testing/index.ts';
import { browserAgent, type BrowserAgentConfig } from './browser-agent.ts';
import { BrowserPage } from './browser-page.ts';
import { browserTools } from './browser-tools.ts';
import { resultText } from './tools/tool.ts';

const SITE: Record<string, string> = {
  '/': `<h1>Form</h1><form action=/sent>
    <label>Name <input name=name value="old name"></label>
    <label><input type=checkbox name=gift> Gift</label>
    <label>Size <select name=size><option>Small</option><option>Large</option></select></label>
    <label>Day <input type=date name=day></label>
    <button>Send</button></form>
    <button disabled>Never</button> <a href=/far>Far</a> <div role=button tabindex=0 onclick="this.textContent='Pressed'">Press me</div>
    <input type=hidden name=secret><span style="display:none"><a href=/hidden>Hidden</a></span>`,
  '/sent?name=new+name&gift=on&size=Large&day=2026-11-21': '<p>Thank you</p>',
  '/far': `<div style="height:3000px">Top</div><a href=/ id=bottom>Bottom</a>`,
  '/covered': `<button>Under</button><div id=veil style="position:fixed;inset:0;background:#0008">Please wait</div>`,
  '/late': `<p id=p>Loading</p><script>setTimeout(() => p.innerHTML = '<button>Ready</button>', 250)</script>`,
  '/frame': `<iframe src=/inner style="margin:40px;width:300px;height:100px"></iframe><p id=host></p>
    <script>host.attachShadow({ mode: 'open' }).innerHTML = '<button onclick="document.title=\\'shadow\\'">In shadow</button>'</script>`,
  '/inner': `<button onclick="parent.document.title='inner'">In frame</button>`,
  '/new': `<a href=/sent2 target=_blank>Elsewhere</a>`,
  '/sent2': 'Elsewhere it is',
  '/busy': `<button onclick="setTimeout(() => { for (;;); }, 20)">Hang</button>`,
  '/long': Array.from({ length: 5000 }, (_, i) => `<p>Line ${i}</p>`).join(''),
};

type Use = (name: string, args?: JsonObject) => Promise<string>;

async function onPage(path: string, body: (use: Use, site: string) => Promise<void>): Promise<void> {
  await using site = await serveSite(SITE);
  await using browser = await startBrowser({ url: site.url + path });
  const client = await browser.open();
  const tools = browserTools(new BrowserPage((await client.screen()) as CdpScreen));
  const use: Use = async (name, args = {}) => {
    const tool = tools.find((one) => one.name === name);
    const result = await tool!.execute(args, { signal: new AbortController().signal });
    return (result.isError ? 'ERROR ' : '') + resultText(result);
  };
  await body(use, site.url);
}

/** The number of the element that a state shows so. */
function numberOf(state: string, what: string): number {
  const line = state.split('\n').find((one) => /^\[\d+\]/.test(one) && one.includes(what));
  if (line === undefined) throw new Error(`There is no ${what} in:\n${state}`);
  return Number(/\d+/.exec(line)?.[0]);
}

describe.skipIf(withoutChromium)('actions on a page', () => {
  test('a page is shown as numbered elements with role, name, value and state', async () => {
    await onPage('/', async (use, site) => {
      const state = await use('look');
      expect(state).toContain(`URL: ${site}/\nTitle: /\nElements:\n`);
      expect(state.split('\n').filter((line) => line.startsWith('['))).toEqual([
        '[0] textbox "Name" value="old name"',
        '[1] checkbox "Gift" not checked',
        '[2] combobox "Size" value="Small" options: Small | Large',
        '[3] date "Day" value=""',
        '[4] button "Send"',
        '[5] button "Never" disabled',
        '[6] link "Far"',
        '[7] button "Press me"',
      ]);
      expect(state).toContain('Text:\nForm');
    });
  });

  test('a form is filled in and sent', async () => {
    await onPage('/', async (use) => {
      const state = await use('type', { index: numberOf(await use('look'), '"Name"'), text: 'new name' });
      expect(state).toContain('value="new name" focused');
      expect(await use('click', { index: 1 })).toContain('"Gift" checked');
      expect(await use('select_option', { index: 2, option: 'large' })).toContain('value="Large"');
      expect(await use('type', { index: 3, text: '2026-11-21' })).toContain('value="2026-11-21"');
      expect(await use('click', { index: 7 })).toContain('button "Pressed"');
      expect(await use('click', { index: numberOf(state, '"Send"') })).toContain('Thank you');
      expect(await use('go_back')).toContain('Form');
      expect(await use('type', { index: 0, text: ' more', clear: false, press_enter: true })).toContain('name=');
    });
  });

  test('pages are gone to, scrolled and read', async () => {
    await onPage('/', async (use, site) => {
      expect(await use('navigate', { url: '/far' })).toContain(`URL: ${site}/far`);
      expect(await use('scroll', { direction: 'down' })).toContain('Scrolled: 640 px above');
      expect(await use('click', { index: 0 })).toContain(`URL: ${site}/\n`);
      expect(await use('navigate', { url: `${site}/long` })).toContain('[cut; extract gives all of it]');
      const first = await use('extract');
      const start = Number(/start=(\d+)/.exec(first)?.[1]);
      expect(await use('extract', { start: start * 2 })).toContain('Line 4999');
    });
  });

  test('what can not be done is told, with the page as it is', async () => {
    await onPage('/covered', async (use) => {
      expect(await use('click', { index: 0 })).toContain('There is no element 0 on the page as it was last shown.');
      await use('look');
      expect(await use('click', { index: 0 })).toMatch(/^ERROR Element 0 is covered by div "Please wait"\..*\nURL: /s);
      expect(await use('click', { index: 'x' })).toContain('ERROR Parameter `index`');
      expect(await use('scroll', { direction: 'sideways' })).toContain('ERROR There is no direction');
      expect(await use('navigate', { url: 'http://nowhere.invalid/' })).toContain('ERR_NAME_NOT_RESOLVED');
      expect(await use('done', { text: 'Done', success: true })).toContain('ERROR Call it alone');
      expect(await use('select_option', { index: 0, option: 'A' })).toContain('ERROR');
    });
  });

  test('a page that is still changing is waited for', async () => {
    await onPage('/late', async (use) => {
      expect(await use('wait', { seconds: 0.3 })).toContain('[0] button "Ready"');
    });
  });

  test('a page whose scripts never end is told as such', async () => {
    await onPage('/busy', async (use) => {
      await use('look');
      expect(await use('click', { index: 0 })).toContain('ERROR The page does not answer');
    });
  });

  test('elements in frames and shadow trees are acted on too, and new tabs followed', async () => {
    await onPage('/frame', async (use, site) => {
      const state = await use('look');
      expect(await use('click', { index: numberOf(state, 'In frame') })).toContain('Title: inner');
      expect(await use('click', { index: numberOf(state, 'In shadow') })).toContain('Title: shadow');
      await use('navigate', { url: '/new' });
      expect(await use('click', { index: 0 })).toContain(`URL: ${site}/sent2`);
    });
  });
});

/** Plays a customer: each turn looks at the last state of the page and acts on it. */
function customer(turns: Session['turns']): (request: ModelRequest) => ModelTurn {
  return (request) => {
    const last = request.messages.findLast((message) => message.role === 'tool')?.toolResults?.at(-1)?.text ?? '';
    const turn = turns[request.messages.filter((message) => message.role === 'assistant').length];
    if (turn === undefined) throw new Error('The session is over.');
    return turn(last);
  };
}

const act = (name: string, args: JsonObject): ModelTurn => ({ toolCalls: [{ name, arguments: args }] });
const click = (what: string) => (state: string) => act('click', { index: numberOf(state, what) });
const type = (what: string, text: string) => (state: string) => act('type', { index: numberOf(state, what), text });

const BUYING = [
  () => act('look', {}),
  type('"Search products"', 'kettle'),
  click('"Search"'),
  click('"Kettle 1.0 l"'),
  type('"Quantity"', '3'),
  click('"Add to cart"'),
  click('"Go to checkout"'),
  type('"Full name"', 'Ada Byron'),
  type('"Street', '12 St James Square'),
  type('"Postal code"', 'SW1Y 4LB'),
  type('"City"', 'London'),
  (state: string) => act('select_option', { index: numberOf(state, '"Country"'), option: 'United Kingdom' }),
  click('"Place order"'),
  () => act('done', { text: 'Ordered three kettles.', success: true }),
];

interface Played {
  run: Run;
  /** Of the agent. */
  error: unknown;
  /** When the agent ended. */
  endedAt: number;
  tools: string[];
  images: number;
}

interface Session {
  turns: ((state: string) => ModelTurn)[];
  goal: string;
  config?: BrowserAgentConfig;
  /** @default "openai" */
  server?: 'openai' | 'anthropic';
  /** Done before the second turn. */
  meanwhile?: (chromium: Chromium) => void;
}

async function shop({ turns, goal, config = {}, server = 'openai', meanwhile }: Session): Promise<Played> {
  const shop = new Shop();
  const environment = new Environment('web-shop');
  environment.initialize(() => shop.start());
  const browser = declareChromium(environment, { url: () => shop.url });
  environment.shutdown(() => shop.stop());
  const template = environment.template({ id: 'shopping', args: z.object({}) }, async function* () {
    shop.reset();
    await browser.fresh();
    yield GOALS[goal]!.request;
    yield isDeepStrictEqual(shop.orders(), GOALS[goal]!.expected) && shop.isCatalogueUntouched() ? 1 : 0;
  });
  const play = customer(turns);
  await using model = await scriptedModel((request) => {
    if (request.index === 1) meanwhile?.(browser);
    return play(request);
  });
  await using bound = await bind(environment, { port: 0 });
  await using client = await connect(bound);
  const run = await Run.start(client, template({}));
  const agent = await browserAgent({ model: 'scripted', apiKey: 'k', baseUrl: model.baseUrls[server], ...config });
  const error: unknown = await agent.run(run, { signal: new AbortController().signal }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const endedAt = performance.now();
  await run.grade();
  const seen = model.requests
    .at(-1)!
    .messages.flatMap(({ images, toolResults = [] }) => [images, ...toolResults.map((result) => result.images)]);
  return { run, error, endedAt, tools: model.requests[0]!.tools, images: seen.reduce<number>((sum, images = 0) => sum + images, 0) };
}

describe.skipIf(withoutChromium)('the browser agent', () => {
  test('shops: what it clicked is in the database, what it said is the answer', async () => {
    const { run, tools } = await shop({ turns: BUYING, goal: 'buy' });
    expect(run.reward).toBe(1);
    expect(run.trace.content).toBe('Ordered three kettles.');
    expect(run.trace.stopReason).toBe('done');
    expect(tools).toEqual(['look', 'click', 'type', 'select_option', 'navigate', 'go_back', 'scroll', 'extract', 'wait', 'done']);
  });

  test('a dialog in the way is answered: an order is cancelled, by another model API, with pictures', async () => {
    const cancelling = [
      () => act('look', {}),
      click('"My orders"'),
      click('"Order 2"'),
      click('"Cancel order"'),
      () => ({
        toolCalls: [
          { name: 'look', arguments: {} },
          { name: 'done', arguments: { text: 'Early.', success: true } },
        ],
      }),
      () => act('done', { text: 'Cancelled.', success: true }),
    ];
    const { run, images } = await shop({
      turns: cancelling,
      goal: 'cancel',
      config: { api: 'claude', screenshots: true, keepScreenshots: 2 },
      server: 'anthropic',
    });
    expect([run.reward, run.trace.content]).toEqual([1, 'Cancelled.']);
    expect(images).toBe(3); // of five: the older ones went, two at a time
  });

  test('saying so is not enough', async () => {
    const { run } = await shop({ turns: [() => act('done', { text: 'Cancelled.', success: true })], goal: 'cancel' });
    expect([run.reward, run.trace.content]).toEqual([0, 'Cancelled.']);
  });
});

test.skipIf(withoutChromium).each(['SIGKILL', 'SIGSTOP'] as const)(
  'a browser that got %s ends the run with a typed fault within 10 s',
  async (signal) => {
    let at = 0;
    const meanwhile = ({ pid }: Chromium): void => {
      at = performance.now();
      process.kill(-pid, signal);
    };
    const turns = [() => act('look', {}), click('"My orders"')];
    const { error, run, endedAt } = await shop({ turns, goal: 'cancel', meanwhile });
    expect(error).toMatchObject({ code: 'CAPABILITY_FAILED' });
    expect(endedAt - at).toBeLessThan(10_000);
    expect(run.reward).toBe(0);
  },
  40_000,
);

test('a model that nobody knows is refused before anything runs', async () => {
  await expect(browserAgent({ model: 'no-such-model-at-all' })).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' });
  await expect(browserAgent({ model: 'oracle' })).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' });
});

test('an environment without a browser is named as such', async () => {
  const environment = new Environment('plain');
  const template = environment.template({ id: 'ask', args: z.object({}) }, async function* () {
    yield 'What now?';
    yield 1;
  });
  await using bound = await bind(environment, { port: 0 });
  await using client = await connect(bound);
  const run = await Run.start(client, template({}));
  const agent = await browserAgent({ model: 'm', apiKey: 'k', baseUrl: 'http://127.0.0.1:1/v1' });
  await expect(agent.run(run, { signal: new AbortController().signal })).rejects.toMatchObject({ code: 'CAPABILITY_NOT_FOUND' });
});
