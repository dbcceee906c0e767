/** Serves workspaces with every kind of network, tries out of each what can be reached, and prints it as JSON. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSsh } from '../src/capabilities/ssh.ts';
import { Capability } from '../src/protocol/capability.ts';
import { textOf } from '../src/environment/workspace/sandbox.fixtures.ts';
import { Workspace } from '../src/environment/workspace/workspace.ts';
import type { WorkspaceOptions } from '../src/environment/workspace/workspace-options.ts';

/** Of each attempt by its name; `network` is what the manifest says. */
export type Outcomes = Record<string, string> & { network: string };

export interface Seen {
  closed: Outcomes;
  peersOnly: Outcomes;
  listed: Outcomes;
  /** The same workspace after `discardSandbox`. */
  renewed: Outcomes;
  open: Outcomes;
  warnings: string[];
}

const PORT = 7_070;
const LONGEST_MS = 15_000;
const machine = process.argv[2] ?? '127.0.0.1';
const warnings: string[] = [];

/** As programs do that honour the variables: body, or status, or the error's name. */
const get = (url: string): string => `python3 - <<'END'
import urllib.error, urllib.request
try: print(urllib.request.urlopen('${url}', timeout=8).read().decode())
except urllib.error.HTTPError as error: print(error.code, error.read().decode()[:200])
except OSError as error: print(type(getattr(error, 'reason', error)).__name__)
END`;

/** Straight there, whatever the variables say. */
const say = (host: string, port: number): string => `python3 - <<'END'
import socket
try:
  with socket.create_connection(('${host}', ${port}), 8) as peer:
    peer.sendall(b'ping'); print(peer.recv(99).decode())
except OSError as error: print(type(error).__name__, error.errno)
END`;

const serve = `(printf 'inside says hello' > word; exec python3 -m http.server ${PORT} --bind 127.0.0.1) >/dev/null 2>&1 &
for n in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/${PORT}) 2>/dev/null && break; sleep 0.05; done; echo up`;

const common = {
  variables: 'env | grep -ic _proxy=',
  direct: say('93.184.215.14', 80),
  machine: say(machine, 80),
};
const hosts = {
  allowed: get('http://allowed.example/allowed'),
  below: get('http://www.allowed.example/below'),
  other: get('http://other.example/other'),
  private: get('http://private.allowed.example/private'),
  unknown: get('http://nowhere.example/unknown'),
};
const services = {
  database: say('database', 5_432),
  second: say('second.internal', 5_432),
  serve,
  alias: get(`http://web:${PORT}/word`),
};

async function trial(workspace: Workspace, commands: Record<string, string>): Promise<Outcomes> {
  const entry = Capability.parse(workspace.capability);
  const ssh = await openSsh(entry);
  const outcomes: Outcomes = { network: (entry.params.level as { network: string }).network };
  const attempt = async ([name, command]: [string, string]): Promise<void> => {
    const { stdout, stderr, isTimedOut } = await ssh.exec(command, { timeoutMs: LONGEST_MS });
    outcomes[name] = isTimedOut ? 'timed out' : (stdout + stderr).trim();
  };
  const { serve: first, ...others } = commands;
  if (first !== undefined) await attempt(['serve', first]);
  await Promise.all(Object.entries(others).map(attempt));
  const published = first === undefined ? {} : { loopback: await fetchFrom('127.0.0.1'), outside: await fetchFrom(machine) };
  Object.assign(outcomes, published);
  await ssh.close();
  return outcomes;
}

async function fetchFrom(address: string): Promise<string> {
  const socket = connect(PORT, address);
  socket.write('GET /word HTTP/1.0\r\n\r\n');
  const text = await textOf(socket).catch((error: Error) => error.message);
  return text.split('\r\n\r\n').at(-1) ?? '';
}

async function withWorkspace<T>(options: WorkspaceOptions, use: (workspace: Workspace) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hud-network-'));
  const workspace = new Workspace(join(folder, 'root'), { trackFiles: false, ...options }, (message) => void warnings.push(message));
  try {
    await workspace.start();
    return await use(workspace);
  } finally {
    await workspace.stop();
    rmSync(folder, { recursive: true });
  }
}

async function target(greeting: string): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => socket.once('data', (bytes) => socket.end(`${greeting}: ${String(bytes)}`)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  server.unref();
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const peers = [
  { name: 'database', port: 5_432, target: await target('first') },
  { name: 'second.internal', port: 5_432, target: await target('second') },
];
const listed = { allowedHosts: ['allowed.example'], peers, ports: [PORT], localAliases: ['web'] };
const isolated = async (workspace: Workspace): Promise<string> => {
  const command = [common.variables, hosts.allowed, services.database].join('\n');
  return (await workspace.run(command, { isolated: true })).stdout;
};
const seen: Seen = {
  closed: await withWorkspace({ network: false }, (workspace) => trial(workspace, { ...common, ...hosts })),
  peersOnly: await withWorkspace({ peers, localAliases: ['web'] }, (workspace) =>
    trial(workspace, { ...common, ...services, allowed: hosts.allowed }),
  ),
  ...(await withWorkspace(listed, async (workspace) => {
    const commands = { ...common, ...hosts, ...services };
    const first = { ...(await trial(workspace, commands)), isolated: await isolated(workspace) };
    await workspace.discardSandbox();
    return { listed: first, renewed: await trial(workspace, commands) };
  })),
  open: await withWorkspace({ network: true }, (workspace) => trial(workspace, { ...common, ...hosts })),
  warnings,
};
process.stdout.write(JSON.stringify(seen), () => process.exit());
