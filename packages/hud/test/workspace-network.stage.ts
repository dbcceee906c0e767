/**
 * A machine with an internet of its own around it, for a driver that serves workspaces on it. Run by tests as root in
 * a network and a mount namespace of its own, so that nothing leaves the real machine even where a wall is missing.
 * Takes a plan as JSON and prints a report as JSON.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf } from '../src/environment/workspace/sandbox.fixtures.ts';
import type { Seen } from './workspace-network.driver.ts';

export interface Plan {
  /** Whose process serves the workspaces. */
  uid: number;
}

export interface Report {
  seen: Seen;
  /** What came to the internet's stand-in: the address, and the first line. */
  received: string[];
}

/** Public, all of them served by the stand-in. */
export const ALLOWED = '93.184.215.14';
export const OTHER = '93.184.215.15';
const PRIVATE = '10.1.2.3';
const MACHINE = '10.9.9.1';
const STAND_IN = '10.9.9.2';
const HOSTS = [
  '127.0.0.1 localhost',
  `${ALLOWED} allowed.example www.allowed.example`,
  `${OTHER} other.example`,
  `${PRIVATE} private.allowed.example`,
];
const WORLD = fileURLToPath(new URL('sandbox/egress-world.ts', import.meta.url));
const DRIVER = fileURLToPath(new URL('workspace-network.driver.ts', import.meta.url));

if (process.argv[2] !== undefined) await main(JSON.parse(process.argv[2]) as Plan);

async function main({ uid }: Plan): Promise<void> {
  nameEverything();
  const world = spawn('unshare', ['--net', '--', process.execPath, WORLD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(world, 'message');
  connectTo(world.pid ?? 0);
  const drop = uid === 0 ? [] : ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--'];
  const command = [...drop, process.execPath, DRIVER, MACHINE];
  const driver = spawn('env', command, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  const seen = JSON.parse(await textOf(driver.stdout)) as Seen;
  world.send('take');
  const [taken] = (await once(world, 'message')) as [{ received: { to: string; bytes: string }[] }];
  world.kill('SIGKILL');
  const received = taken.received.map(({ to, bytes }) => `${to} ${bytes.split('\r\n')[0]}`);
  process.stdout.write(JSON.stringify({ seen, received } satisfies Report), () => process.exit());
}

/** By the system's own resolver, which is asked for every name; who isn't in the file does not exist. */
function nameEverything(): void {
  const texts = { hosts: `${HOSTS.join('\n')}\n`, 'resolv.conf': '', 'nsswitch.conf': 'hosts: files\npasswd: files\ngroup: files\n' };
  for (const [name, text] of Object.entries(texts)) {
    const path = join(tmpdir(), `stage-${name}`);
    writeFileSync(path, text, { mode: 0o644 });
    execFileSync('mount', ['--bind', path, join('/etc', name)]);
  }
}

function connectTo(world: number): void {
  const inside = (command: string): string => `nsenter --net=/proc/${world}/ns/net -- ${command}`;
  const lines = [
    'ip link set lo up',
    `ip link add eth0 type veth peer name eth1 netns ${world}`,
    `ip addr add ${MACHINE}/24 dev eth0`,
    'ip link set eth0 up',
    inside('ip link set lo up'),
    inside(`ip addr add ${STAND_IN}/24 dev eth1`),
    inside('ip link set eth1 up'),
    ...[ALLOWED, OTHER, PRIVATE].map((address) => inside(`ip addr add ${address}/32 dev lo`)),
    `ip route add default via ${STAND_IN}`,
  ];
  execFileSync('sh', ['-ec', lines.join('\n')], { stdio: ['ignore', 'ignore', 'inherit'] });
}
