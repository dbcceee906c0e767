/** What may leave a sandbox, tried from inside one; see `egress-stage.ts` for where the targets stand. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { ALLOWED, ATTEMPTS, MARK } from './egress-attempts.ts';
import type { Plan, Report, Row } from './egress-stage.ts';

const reason = missing();
const direct = ATTEMPTS.filter(({ way }) => way === 'direct').map(({ name }) => name);
const all = ATTEMPTS.map(({ name }) => name);

function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces are made by root, on Linux';
  const tools = ['unshare --net true', 'ip -V', 'tc -V', 'bwrap --version', 'nsenter --version', 'python3 --version'];
  const broken = tools.find((tool) => spawnSync('sh', ['-c', tool]).status !== 0);
  return broken && `\`${broken}\` does not work here`;
}

async function play(plan: Partial<Plan>): Promise<Report> {
  const whole: Plan = { wall: 'sandbox', allowedHosts: [], hasPeers: false, ports: [], attempts: [], ...plan };
  const stage = [process.execPath, join(import.meta.dirname, 'egress-stage.ts'), JSON.stringify(whole)];
  const { stdout } = await promisify(execFile)('unshare', ['--net', '--', ...stage], { timeout: 110_000, maxBuffer: 32 * 1024 * 1024 });
  return JSON.parse(stdout) as Report;
}

const hasMark = (row: Row): boolean => row.received.some(({ bytes }) => bytes.toLowerCase().includes(MARK.toLowerCase()));
/** Anything at all that an attempt left behind where it must not. */
const leaks = (row: Row): string[] => [
  ...row.received.filter(({ to }) => !to.startsWith(`${ALLOWED}:`)).map(({ to }) => `reached ${to}`),
  ...(hasMark(row) ? ['the mark arrived'] : []),
  ...row.resolved
    .filter((name) => !name.endsWith('allowed.example') || name.includes(MARK.toLowerCase()))
    .map((name) => `asked for ${name}`),
];
const named = (report: Report, name: string): Row => {
  const row = report.rows.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`the attempt "${name}" was not made`);
  return row;
};

describe.skipIf(reason)('a sandbox without allowed hosts', () => {
  let report: Report;
  beforeAll(async () => {
    report = await play({ attempts: all });
  }, 120_000);

  test.each(all)('is not left by %s', (name) => {
    const row = named(report, name);
    expect(row.outcome).not.toBe('gone');
    expect({ leaks: leaks(row), packets: row.packets, resolved: row.resolved }).toEqual({ leaks: [], packets: 0, resolved: [] });
  });

  test('has no proxy variables', () => {
    expect(report.env).toEqual({});
  });
});

describe.skipIf(reason).each([
  { list: ['allowed.example'], what: 'with an allowed host' },
  { list: ['allowed.example', '10.1.2.3', '169.254.169.254', '127.0.0.1'], what: 'with private addresses on its list' },
])('a sandbox $what', ({ list }) => {
  let report: Report;
  beforeAll(async () => {
    report = await play({ attempts: all, allowedHosts: list });
  }, 120_000);

  test.each(all)('is not left by %s', (name) => {
    const row = named(report, name);
    expect(row.outcome).not.toBe('gone');
    expect(leaks(row)).toEqual([]);
    if (direct.includes(name)) expect(row.packets).toBe(0);
  });

  test('closes a tunnel whose TLS asks for another host, however the question is cut', () => {
    for (const cut of ['than the host', 'cut into pieces', 'in tiny records']) {
      const { outcome, received } = report.rows.find(({ name }) => name.startsWith('another server name') && name.endsWith(cut)) ?? {};
      expect(outcome).toMatch(/closed HTTP\/1.1 200 Connection Established/);
      expect(received?.map(({ bytes }) => bytes).join('')).toBe('');
    }
  });

  test('tells what it was refused', () => {
    expect(report.warnings).toContain('The sandbox was refused evil.example: it is not among the allowed hosts.');
    expect(report.warnings).toContain('The sandbox was refused private.allowed.example: its address is not on the public internet.');
    expect(report.warnings.length).toBeLessThanOrEqual(100);
  });
});

describe.skipIf(reason)('a sandbox with every public host allowed', () => {
  test('reaches nothing that is not public', async () => {
    const names = [
      'CONNECT to the control port',
      'a name that leads to private addresses',
      'a name with a private address among public ones',
    ];
    const report = await play({ attempts: names, allowedHosts: ['*'] });
    for (const row of report.rows) {
      expect(row.outcome).toContain('blocked-by-address');
      expect(row.received).toEqual([]);
    }
  }, 120_000);
});

describe.skipIf(reason)('the stand-ins', () => {
  test('notice every direct attempt when there is no wall', async () => {
    const report = await play({ wall: 'none', attempts: direct });
    const unnoticed = report.rows.filter((row) => row.packets === 0 && leaks(row).length === 0).map(({ name }) => name);
    expect(unnoticed).toEqual([]);
  }, 120_000);
});

describe.skipIf(reason)('what is allowed', () => {
  test('hosts, peers and published ports work', async () => {
    const attempts = [
      'a request for an allowed host',
      'a request in upper case with a trailing dot',
      'a tunnel to an allowed host',
      'a WebSocket through a tunnel',
      'a peer',
      'a second peer on the same port',
      'serve on 7070',
    ];
    const report = await play({ allowedHosts: ['allowed.example'], hasPeers: true, ports: [7070], attempts });
    const [request, upper, tunnel, webSocket, peer, other] = report.rows;
    expect(request?.outcome).toMatch(/200 OK[\s\S]*hello$/);
    expect(request?.received[0]?.bytes).toMatch(/^GET \/page\?q=1 HTTP\/1.1\r\nHost: allowed.example\r\n/);
    expect(upper?.outcome).toContain('hello');
    expect(tunnel?.received).toEqual([{ to: `${ALLOWED}:80`, bytes: 'GET /in-tunnel HTTP/1.1\r\nHost: y\r\n\r\n' }]);
    expect(webSocket?.outcome).toContain('101 Switching Protocols');
    expect(webSocket?.outcome).toContain('frame-1');
    expect(peer?.outcome).toBe('closed database: ping peer');
    expect(other?.outcome).toBe('closed other: ping other');
    expect(report.published).toBe('inside says hello');
    expect(report.warnings).toEqual([]);
    expect(report.env).toMatchObject({
      https_proxy: 'http://127.0.0.1:3128',
      NO_PROXY: '127.0.0.1,localhost,web,database,other,127.0.0.2',
    });
  }, 120_000);

  test('at least nine tenths of a gigabit link are left', async () => {
    const speedOf = async (wall: Plan['wall'], name: string): Promise<number> => {
      const report = await play({ wall, attempts: [name], allowedHosts: ['allowed.example'], linkMbit: 1_000 });
      const { isWhole, mibPerSecond } = JSON.parse(named(report, name).outcome) as { isWhole: boolean; mibPerSecond: number };
      expect(isWhole).toBe(true);
      return mibPerSecond;
    };
    const plain = await speedOf('none', 'speed, direct');
    const proxied = await speedOf('sandbox', 'speed, proxied');
    expect(proxied / plain).toBeGreaterThanOrEqual(0.9);
  }, 120_000);
});
