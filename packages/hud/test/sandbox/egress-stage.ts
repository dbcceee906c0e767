/**
 * A machine, a sandbox on it and the internet around it, each a network namespace: this program is the machine, and
 * must be started in a namespace of its own. It makes the internet's stand-in beside it, reached over a pair of
 * virtual interfaces, and has a list of attempts made from inside a sandbox. So nothing leaves the real machine, even
 * where a wall is missing. Takes a plan as JSON and prints what was seen as JSON.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { startEgress, type EgressOptions } from '../../src/environment/workspace/egress.ts';
import { ABSTRACT_SOCKET, ALLOWED, EVIL, EVIL_IPV6, HOST_ADDRESS } from './egress-attempts.ts';
import type { Received } from './egress-world.ts';

export interface Plan {
  /** `none` makes the attempts on the machine itself. */
  wall: 'sandbox' | 'none';
  allowedHosts: string[];
  hasPeers: boolean;
  ports: number[];
  attempts: string[];
  /** Of the link to the internet, in Mbit/s. @default not limited */
  linkMbit?: number;
}

export interface Row {
  name: string;
  outcome: string;
  /** By the internet's stand-in, and by services of the machine. */
  received: Received[];
  /** IPv4 packets that reached the stand-in. */
  packets: number;
  /** Names that the resolver was asked for. */
  resolved: string[];
}

export interface Report {
  rows: Row[];
  warnings: string[];
  env: Record<string, string>;
  /** What a client of the machine read from the sandbox's published port. */
  published: string;
}

const WORLD_ADDRESSES = [ALLOWED, EVIL, '10.1.2.3', '172.16.5.5', '192.168.7.7', '100.64.1.1', '169.254.169.254', '8.8.8.8'];
const WORLD_IPV6 = [EVIL_IPV6, 'fd00:ec2::254'];
const ANSWERS: Record<string, string[]> = {
  private: ['10.1.2.3'],
  metadata: ['169.254.169.254'],
  mapped: ['::ffff:10.1.2.3'],
  cgnat: ['100.64.1.1'],
  nat64: ['64:ff9b::a01:203'],
  loopback: ['127.0.0.1'],
  mixed: [ALLOWED, '10.1.2.3'],
};

const here = import.meta.dirname;
const run = (command: string): void => void execFileSync('sh', ['-ec', command], { stdio: ['ignore', 'ignore', 'inherit'] });

const onMachine: Received[] = [];
const resolved: string[] = [];
let turns = 0;
if (process.argv[2] !== undefined) await main(JSON.parse(process.argv[2]) as Plan);

async function main(plan: Plan): Promise<void> {
  run('ip link set lo up');
  const world = await startWorld(plan.linkMbit);
  const servers = await startServices();
  const guest = plan.wall === 'sandbox' ? await startSandbox() : startGuest(process.execPath, []);
  const warnings: string[] = [];
  const lines = createInterface({ input: guest.child.stdout as Readable })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => JSON.parse((await lines.next()).value ?? '"gone"') as string;
  await next();
  const egress = plan.wall === 'sandbox' ? await startEgress(egressOptions(plan, guest.pid, warnings)) : undefined;
  const rows: Row[] = [];
  let published = '';
  for (const name of plan.attempts) {
    guest.child.stdin?.write(`${JSON.stringify(name)}\n`);
    const outcome = await next();
    if (name.startsWith('serve on')) published = await readFrom(plan.ports[0] ?? 0);
    rows.push({ name, outcome, ...(await takeFrom(world)), resolved: resolved.splice(0) });
  }
  await egress?.close();
  for (const child of [guest.child, world]) child.kill('SIGKILL');
  for (const server of servers) server.close();
  const report: Report = { rows, warnings, env: egress?.env ?? {}, published };
  process.stdout.write(JSON.stringify(report), () => process.exit());
}

async function startWorld(linkMbit: number | undefined): Promise<ChildProcess> {
  const world = spawn('unshare', ['--net', '--', process.execPath, join(here, 'egress-world.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(world, 'message');
  const inside = (command: string): string => `nsenter --net=/proc/${world.pid}/ns/net -- ${command}`;
  run(
    [
      `ip link add eth0 type veth peer name eth1 netns ${world.pid}`,
      `ip addr add ${HOST_ADDRESS}/24 dev eth0`,
      'ip -6 addr add fd99::1/64 dev eth0 nodad',
      'ip link set eth0 up',
      inside('ip link set lo up'),
      inside('ip addr add 10.9.9.2/24 dev eth1'),
      inside('ip -6 addr add fd99::2/64 dev eth1 nodad'),
      inside('ip link set eth1 up'),
      ...WORLD_ADDRESSES.map((address) => inside(`ip addr add ${address}/32 dev lo`)),
      ...WORLD_IPV6.map((address) => inside(`ip -6 addr add ${address}/128 dev lo nodad`)),
      'ip route add default via 10.9.9.2',
      'ip -6 route add default via fd99::2',
      ...(linkMbit === undefined ? [] : [inside(`tc qdisc add dev eth1 root tbf rate ${linkMbit}mbit burst 256kb latency 50ms`)]),
    ].join('\n'),
  );
  return world;
}

/** What listens on the machine: the control port, an abstract socket, and two services that are peers. */
async function startServices(): Promise<Server[]> {
  const listen = async (address: object, to: string, reply?: string): Promise<Server> => {
    const server = createServer((socket) => {
      const record: Received = { to, bytes: '' };
      onMachine.push(record);
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        record.bytes += bytes.toString('latin1');
        if (reply !== undefined) socket.end(`${reply}: ${record.bytes}`);
      });
    });
    server.listen(address);
    await once(server, 'listening');
    return server;
  };
  return [
    await listen({ port: 8765, host: '::' }, 'control port'),
    await listen({ path: ABSTRACT_SOCKET }, 'abstract socket'),
    await listen({ port: 15_432, host: '127.0.0.1' }, 'peer', 'database'),
    await listen({ port: 15_433, host: '127.0.0.1' }, 'peer', 'other'),
  ];
}

interface Guest {
  child: ChildProcess;
  /** Of a process inside. */
  pid: number;
}

function startGuest(command: string, args: string[]): Guest {
  const child = spawn(command, [...args, join(here, 'egress-guest.ts')], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  return { child, pid: child.pid ?? 0 };
}

/** With every capability inside, so that it is the missing network alone that holds. */
async function startSandbox(): Promise<Guest> {
  const namespaces = ['--unshare-user', '--unshare-net', '--unshare-pid', '--unshare-ipc', '--unshare-uts'];
  const { child } = startGuest('bwrap', [
    ...namespaces,
    '--cap-add',
    'ALL',
    '--die-with-parent',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--tmpfs',
    '/tmp',
    '--ro-bind',
    process.execPath,
    process.execPath,
    '--info-fd',
    '3',
    '--ro-bind',
    here,
    here,
    '--ro-bind',
    join(here, '../../src'),
    join(here, '../../src'),
    '--',
    process.execPath,
  ]);
  let info = '';
  for await (const bytes of child.stdio[3] as Readable) info += String(bytes);
  return { child, pid: (JSON.parse(info) as { 'child-pid': number })['child-pid'] };
}

function egressOptions(plan: Plan, sandboxPid: number, warnings: string[]): EgressOptions {
  const target = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });
  return {
    allowedHosts: plan.allowedHosts,
    peers: plan.hasPeers
      ? [
          { name: 'database', port: 5432, target: target(15_432) },
          { name: 'other', port: 5432, target: target(15_433) },
        ]
      : [],
    ports: plan.ports,
    localAliases: ['web'],
    sandboxPid,
    identity: { uid: 65_534, gid: 65_534 },
    onWarning: (message) => warnings.push(message),
    resolve: async (host) => {
      resolved.push(host);
      const label = host.split('.')[0] ?? '';
      if (label === 'rebind') return (turns += 1) % 2 === 1 ? [ALLOWED] : ['10.1.2.3'];
      if (host.endsWith('allowed.example')) return ANSWERS[label] ?? [ALLOWED];
      return host === 'localhost' ? ['127.0.0.1', '::1'] : [EVIL];
    },
  };
}

async function takeFrom(world: ChildProcess): Promise<{ received: Received[]; packets: number }> {
  world.send('take');
  const [taken] = (await once(world, 'message')) as [{ received: Received[]; packets: number }];
  return { ...taken, received: [...taken.received, ...onMachine.splice(0)] };
}

async function readFrom(port: number): Promise<string> {
  const { connect } = await import('node:net');
  let text = '';
  for await (const bytes of connect(port, HOST_ADDRESS)) text += String(bytes);
  return text;
}
