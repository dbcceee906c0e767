/** What a workspace consists of while it is started, put up in order and taken down in reverse. */
import { chmod, chown, lchown, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { proxyEnv } from './egress-env.ts';
import { startEgress } from './egress.ts';
import { hostsFileOf } from './hosts-file.ts';
import { CleanUp } from './clean-up.ts';
import { takeIdentity, type Identity } from './identity.ts';
import { makeKeyPair, readKeyPair, type KeyPair } from './keys.ts';
import { openSandbox } from './open-sandbox.ts';
import { handOver, SandboxKeeper, type Made } from './sandbox-keeper.ts';
import type { Mount, SandboxLevel, SandboxSpec } from './sandbox.ts';
import { sessionEnv } from './session-env.ts';
import { startSshServer, type SshServer } from './ssh-server.ts';
import { isWithin, type WorkspaceSettings } from './workspace-options.ts';

export interface Started {
  hostKey: KeyPair;
  /** Undefined when the author authorized keys of their own. */
  clientKey: KeyPair | undefined;
  identity: Identity | undefined;
  keeper: SandboxKeeper;
  server: SshServer;
  level: SandboxLevel;
  /** One more over the same folder, for a command that must see nothing of the others and no network. */
  isolated(): Promise<Made>;
  close(): Promise<void>;
}

/** @throws HudError BAD_ARGUMENT, CAPABILITY_FAILED, PORT_IN_USE; nothing is left then */
export async function startWorkspace(settings: WorkspaceSettings, warn: (message: string) => void): Promise<Started> {
  await using building = new CleanUp();
  const directory = await makePlaces(settings, building);
  const hostKey = await hostKeyOf(settings);
  const clientKey = await clientKeyOf(settings, directory, building);
  const identity = identityFor(settings, building);
  await letThrough(directory, identity);
  const spec = await specOf({ settings, directory, identity, warn, building });
  let count = 0;
  const nextSpec = async (): Promise<SandboxSpec> => {
    const own = join(directory, `sandbox-${(count += 1)}`);
    await mkdir(own, { mode: 0o700 });
    await letThrough(own, identity);
    return { ...spec, directory: own };
  };
  const give = async (): Promise<void> => await giveRoot(settings, identity, warn);
  const keeper = new SandboxKeeper({
    make: async () => {
      await give(); // before: the sandbox goes there, and what is below a layer can't change once the layer is there
      return await makeSandbox(settings, await nextSpec(), warn);
    },
    beforeUse: settings.overlay ? async () => {} : give, // once more: the author may have prepared a task meanwhile
    isEager: !settings.overlay,
    onWarning: warn,
  });
  building.defer(async () => await keeper.close());
  const authorizedKeys = clientKey === undefined ? (settings.authorizedClientKeys ?? []) : [clientKey.public];
  const { host, port } = settings;
  const listen = async (): Promise<SshServer> => {
    const server = await startSshServer({ sandbox: async () => await keeper.get(), hostKey: hostKey.private, authorizedKeys, host, port });
    building.defer(async () => await server.close());
    return server;
  };
  const [sandbox, server] = await both(keeper.prepare(), listen());
  const level: SandboxLevel = { ...sandbox.level, network: settings.network };
  const isolated = async (): Promise<Made> => {
    await give();
    const alone = { ...(await nextSpec()), shareNetwork: false, isJoined: false, env: envOf(settings, identity, {}) };
    const sandbox = await openSandbox(settings.isolation, alone);
    return { sandbox, close: async () => await closeAll([sandbox], alone.directory) };
  };
  const stack = building.move();
  return { hostKey, clientKey, identity, keeper, server, level, isolated, close: async () => await stack[Symbol.asyncDispose]() };
}

/** At the same time. Settles when both have, so that nothing is under way when one of them failed. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** The served folder, and a private one outside of it. */
async function makePlaces({ root, credentialsDir }: WorkspaceSettings, building: CleanUp): Promise<string> {
  await mkdir(root, { recursive: true });
  if (!(await stat(root)).isDirectory()) throw new HudError('BAD_ARGUMENT', `${root} is no folder.`);
  if (credentialsDir !== undefined) await mkdir(credentialsDir, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(credentialsDir ?? tmpdir(), 'hud-workspace-'));
  building.defer(async () => await removeFolder(directory));
  if (!isWithin(await realpath(root), await realpath(directory))) return directory;
  throw new HudError('BAD_ARGUMENT', `The private folder would be below the served one, ${root}, where every command could read it.`, {
    hint: 'Serve another folder, or name a credentialsDir.',
  });
}

/**
 * Lets the sandbox's user walk through, and nobody else: what is bound into the sandbox can then be found by it. It may
 * not list the folder, and nothing of it but what is bound is there inside.
 */
async function letThrough(folder: string, identity: Identity | undefined): Promise<void> {
  if (identity === undefined) return;
  await chown(folder, process.getuid?.() ?? 0, identity.gid);
  await chmod(folder, 0o710);
}

async function hostKeyOf({ hostKeyPath }: WorkspaceSettings): Promise<KeyPair> {
  if (hostKeyPath === undefined) return makeKeyPair();
  const text = await readFile(hostKeyPath, 'utf8').catch((cause: unknown) => {
    throw new HudError('BAD_ARGUMENT', `The host key can't be read: ${messageOf(cause)}`, { cause });
  });
  return await readKeyPair(text, hostKeyPath);
}

/** Written down as well, for `ssh -i` by hand. */
async function clientKeyOf(settings: WorkspaceSettings, directory: string, building: CleanUp): Promise<KeyPair | undefined> {
  if (settings.authorizedClientKeys !== undefined) return undefined;
  const pair = makeKeyPair();
  const path = join(settings.credentialsDir ?? directory, 'client_key');
  await writeFile(path, pair.private, { mode: 0o600 });
  building.defer(async () => await rm(path, { force: true }));
  return pair;
}

/** Tries again for a while: what was ended a moment ago may still be putting something there. */
async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Nobody's, so that what it may do on this machine is nothing; only root can give its processes away. */
function identityFor({ identity, isolation }: WorkspaceSettings, building: CleanUp): Identity | undefined {
  if (!isRoot()) return undefined;
  if (identity !== undefined || isolation === 'none') return identity;
  const taken = takeIdentity();
  building.defer(() => taken.giveBack());
  return { uid: taken.uid, gid: taken.gid };
}

interface SpecParts {
  settings: WorkspaceSettings;
  directory: string;
  identity: Identity | undefined;
  warn: (message: string) => void;
  building: CleanUp;
}

async function specOf({ settings, directory, identity, warn, building }: SpecParts): Promise<SandboxSpec> {
  const { root, guestPath, systemMounts, limits, overlay, network, isolation } = settings;
  const mounts = [...settings.mounts];
  if (isolation !== 'none' && network !== 'host' && !mounts.some(({ dst }) => dst === '/etc/hosts')) {
    mounts.push(await hostsMount(settings, directory, building));
  }
  const env = envOf(settings, identity, proxyEnv(settings));
  return {
    root,
    guestPath,
    systemMounts,
    mounts,
    env,
    identity,
    limits,
    overlay,
    directory,
    onWarning: warn,
    ...(settings.env.PATH === undefined ? {} : { loginPath: settings.env.PATH }),
    shareNetwork: network === 'host',
    isJoined: network === 'proxy' || settings.peers.length > 0 || settings.ports.length > 0,
  };
}

async function hostsMount(settings: WorkspaceSettings, directory: string, building: CleanUp): Promise<Mount> {
  const shown = join(directory, 'shown');
  await mkdir(shown, { mode: 0o755 });
  const path = settings.hostsPath ?? join(shown, 'hosts');
  await writeFile(path, hostsFileOf({ ...settings, hostname: hostname() }));
  await chmod(path, 0o644);
  building.defer(async () => await rm(path, { force: true }));
  return { kind: 'ro', src: path, dst: '/etc/hosts' };
}

function envOf(settings: WorkspaceSettings, identity: Identity | undefined, proxy: Record<string, string>): Record<string, string> {
  const { env, guestPath, isolation, systemMounts, mounts } = settings;
  return sessionEnv({
    server: process.env,
    workspace: env,
    proxy,
    guestPath: isolation === 'none' ? undefined : guestPath,
    mounts: [...systemMounts, ...mounts],
    isDropped: identity !== undefined,
  });
}

async function makeSandbox(settings: WorkspaceSettings, spec: SandboxSpec, warn: (message: string) => void): Promise<Made> {
  const sandbox = await openSandbox(settings.isolation, spec);
  const parts: { close(): Promise<void> }[] = [sandbox];
  const close = async (): Promise<void> => await closeAll(parts, spec.directory);
  if (sandbox.pid === undefined || spec.shareNetwork) return { sandbox, close };
  const { allowedHosts, peers, ports, localAliases } = settings;
  try {
    const { pid: sandboxPid } = sandbox;
    parts.push(await startEgress({ allowedHosts, peers, ports, localAliases, sandboxPid, identity: spec.identity, onWarning: warn }));
    return { sandbox, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeAll(parts: readonly { close(): Promise<void> }[], directory: string): Promise<void> {
  const ends = await Promise.allSettled(parts.map(async (part) => await part.close()));
  await removeFolder(directory);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/**
 * To a user that was asked for by number goes the folder alone; to one that nobody knows also what this process's
 * user has in it, since nobody could have given it to them.
 */
async function giveRoot(settings: WorkspaceSettings, identity: Identity | undefined, warn: (message: string) => void): Promise<void> {
  if (identity === undefined || !settings.handOverRoot) return;
  const { root } = settings;
  if (settings.identity !== undefined) return await lchown(await realpath(root), identity.uid, identity.gid);
  await handOver(await realpath(root), process.getuid?.() ?? 0, identity).catch((error: unknown) =>
    warn(`not all of ${root} could be given to the sandbox's user: ${messageOf(error)}`),
  );
}
