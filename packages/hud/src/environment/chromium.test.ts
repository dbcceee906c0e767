import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { serveSite, startBrowser, withoutChromium } from '../../test/browser.ts';
import type { CdpClient } from '../capabilities/cdp.ts';
import { processState } from '../host/owner.ts';
import { declareChromium } from './chromium.ts';
import { hostRules } from './chromium-command.ts';
import { Environment } from './environment.ts';

const evaluate = async (client: CdpClient, expression: string): Promise<unknown> => {
  const { result } = await client.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  return (result as { value?: unknown }).value;
};

test.skipIf(withoutChromium)('a declared browser is there while the environment runs, on its first page', async () => {
  await using site = await serveSite({ '/': '<p>Welcome</p>' });
  const before = new Set(readdirSync(tmpdir()));
  let pid = 0;
  {
    await using browser = await startBrowser({ url: () => site.url });
    pid = browser.chromium.pid;
    expect(browser.environment.capability('browser')).toMatchObject({
      protocol: 'cdp/1.3',
      url: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/) as string,
      params: { width: 1280, height: 800 },
    });
    const client = await browser.open();
    expect(await evaluate(client, 'document.body.innerText')).toBe('Welcome');
    expect(await evaluate(client, 'history.length')).toBe(1);
    expect(processState(pid)).toBe('running');
  }
  await expect.poll(() => processState(pid) ?? 'gone').toBe('gone');
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('hud-chromium-') && !before.has(name))).toEqual([]);
});

test.skipIf(withoutChromium)('a task leaves nothing to the next one: pages, cookies and storage are gone', async () => {
  await using site = await serveSite({ '/': 'Start', '/other': 'Other' });
  await using browser = await startBrowser({ url: `${site.url}/` });
  const first = await browser.open();
  await evaluate(first, `document.cookie = 'seen=1'; localStorage.seen = 1; location.href = '/other'`);
  await (await first.targets()).open(`${site.url}/other`);
  await first.close();
  await browser.environment.taskEnded({ id: 'task', sessionId: 's' });
  expect(browser.warnings).toEqual([]);
  const second = await browser.open();
  expect(await evaluate(second, `[location.pathname, document.cookie, localStorage.seen, history.length].join()`)).toBe('/,,,1');
  expect((await (await second.targets()).list()).filter(({ type }) => type === 'page')).toHaveLength(1);
});

test.skipIf(withoutChromium)('the browser reaches the server of its page, and nothing else', async () => {
  await using site = await serveSite({ '/': 'Mine' });
  await using other = await serveSite({ '/': 'Not mine', '/lent': 'Lent' });
  await using browser = await startBrowser({ url: site.url });
  const client = await browser.open();
  for (const url of [other.url, 'http://192.0.2.1/', 'http://example.com/', browser.chromium.url.replace('ws', 'http')]) {
    expect(await client.send('Page.navigate', { url })).toMatchObject({ errorText: 'net::ERR_NAME_NOT_RESOLVED' });
  }
  expect(other.paths).toEqual([]);
  await using open = await startBrowser({ url: site.url, network: [new URL(other.url).host] });
  const allowed = await open.open();
  expect((await allowed.send('Page.navigate', { url: `${other.url}/lent` })).errorText).toBeUndefined();
});

const withoutWalls = withoutChromium || (process.platform === 'linux' && existsSync('/usr/bin/bwrap') ? false : 'needs bubblewrap');

test.skipIf(withoutWalls)('a page of the browser can read no file of the machine', async () => {
  await using browser = await startBrowser();
  expect(browser.warnings).toEqual([]);
  const client = await browser.open();
  const screen = await client.screen();
  await screen.navigation?.navigate('file:///');
  const shown = String(await evaluate(client, 'document.body.innerText'));
  expect(shown).toContain('usr');
  expect(shown).not.toMatch(/\b(home|root|work)\b/);
  expect(await client.send('Page.navigate', { url: `file://${import.meta.filename}` })).toMatchObject({
    errorText: 'net::ERR_FILE_NOT_FOUND',
  });
});

test.skipIf(withoutWalls || (process.getuid?.() === 0 ? false : 'needs root'))(
  'root runs it as somebody else, with its sandbox on',
  async () => {
    await using browser = await startBrowser();
    const statuses = (): string[] =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .filter((pid) => groupOf(pid) === browser.chromium.pid && read(`/proc/${pid}/cmdline`).includes('--type=renderer'))
        .map((pid) => read(`/proc/${pid}/status`));
    // A renderer that was just forked closes itself off a moment later.
    await expect.poll(() => statuses().filter((status) => /^Seccomp:\t2$/m.test(status)).length, { timeout: 10_000 }).toBeGreaterThan(0);
    await expect.poll(() => statuses().filter((status) => !/^Seccomp:\t2$/m.test(status)), { timeout: 10_000 }).toEqual([]);
    for (const status of statuses()) expect(status).toMatch(/^Uid:\t6\d{4}\t/m);
  },
);

test.skipIf(withoutChromium).each(['SIGKILL', 'SIGSTOP'] as const)(
  'a browser that got %s under a task is there again for the next one, at the same address',
  async (signal) => {
    await using browser = await startBrowser();
    const { url, pid } = browser.chromium;
    process.kill(-pid, signal);
    if (signal === 'SIGKILL') await expect.poll(() => browser.warnings.join()).toContain('SIGKILL');
    await browser.environment.taskEnded({ id: 'task', sessionId: 's' });
    expect(browser.warnings).toHaveLength(1);
    expect(browser.chromium.url).toBe(url);
    expect(browser.chromium.pid).not.toBe(pid);
    const client = await browser.open();
    expect(await evaluate(client, '1 + 1')).toBe(2);
  },
  40_000,
);

test('a machine without the browser is told what to install', async () => {
  const environment = new Environment('x');
  declareChromium(environment, { executable: 'no-such-chromium' });
  await expect(environment.start()).rejects.toMatchObject({
    message: expect.stringContaining('no no-such-chromium on this machine') as string,
    cause: { hint: expect.stringContaining('apt-get install chromium') as string },
  });
});

test.each([
  { url: 'http://127.0.0.1:8080/x', network: [], rules: 'MAP 127.0.0.1:8080 127.0.0.1:8080, MAP * ~NOTFOUND' },
  { url: 'about:blank', network: [], rules: 'EXCLUDE 127.0.0.1, EXCLUDE localhost, MAP * ~NOTFOUND' },
  { url: 'https://a.test/', network: ['*.b.test'], rules: 'MAP a.test:443 a.test:443, EXCLUDE *.b.test, MAP * ~NOTFOUND' },
])('$url with $network is reached by $rules', ({ url, network, rules }) => expect(hostRules(url, network)).toBe(rules));

function groupOf(pid: string): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
