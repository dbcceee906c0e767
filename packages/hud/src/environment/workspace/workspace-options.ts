/** What can be said of a workspace, and what of it makes no sense together. */
import { isAbsolute, normalize, resolve, sep } from 'node:path';
import { readSetting } from '../../host/settings.ts';
import { HudError } from '../../protocol/errors.ts';
import { hostsFileOf, type Peer } from './hosts-file.ts';
import { ISOLATIONS, type Isolation, type Limits, type Mount } from './sandbox.ts';

export interface WorkspaceOptions {
  /** Of the capability. @default "shell" */
  name?: string;
  /** Where the root is inside the sandbox, and where commands start. @default "/workspace" */
  guestPath?: string;
  /** After the root, in their order; a later one lies over an earlier one. */
  mounts?: readonly Mount[];
  /** Before the root. @default /usr and /etc read-only, /lib /lib64 /bin /sbin, /proc, /dev, an empty /tmp */
  systemMounts?: readonly Mount[];
  /**
   * `false`: nothing but its own loopback and `peers`. `true`: the public web through a filtering proxy, or what of it
   * `allowedHosts` names. `'host'`: this machine's network, the environment's own control port included.
   * @default true with `allowedHosts`, else false
   */
  network?: boolean | 'host';
  /** Host names that may be reached, with their subdomains; `*` is everything public. */
  allowedHosts?: readonly string[];
  /** Services outside that are reachable by name inside. */
  peers?: readonly Peer[];
  /** Names for 127.0.0.1 inside. */
  localAliases?: readonly string[];
  /** Ports inside that are published on this machine, on all its addresses. */
  ports?: readonly number[];
  /** Variables of every command, on top of what is handed on. */
  env?: Readonly<Record<string, string>>;
  /** Address that the SSH server listens on. @default "127.0.0.1" */
  host?: string;
  /** @default 0, a free one */
  port?: number;
  /** Name that clients are told to log in with; any works. @default "agent" */
  user?: string;
  /** Private ed25519 key of the server. @default made anew at each start */
  hostKeyPath?: string;
  /** Public ed25519 keys, one line each. When given, no client key is made or published. */
  authorizedClientKeys?: readonly string[];
  /** Whose processes they are on this machine; acts only where this process is root. @default one without privileges */
  shellUid?: number;
  /** @default the uid */
  shellGid?: number;
  /** Gives the root folder itself, not what is in it, to that user. @default true */
  handOverRoot?: boolean;
  /** `none` runs commands without walls, as this process's user; what needs walls can't be asked for then. @default "bwrap" */
  isolation?: Isolation;
  /** Private folder for keys and sockets; must not be below the root. @default a fresh one, removed at the end */
  credentialsDir?: string;
  /** Where the generated hosts file is written. @default in the private folder */
  hostsPath?: string;
  /** Publishes the changes of the root as a capability of its own. @default HUD_FILE_TRACKING_ENABLED, else true; false with an overlay */
  trackFiles?: boolean;
  limits?: Limits;
  /** Each sandbox gets a layer of its own over the root, which stays as it is. Root only. @default false */
  overlay?: boolean;
}

export interface WorkspaceSettings {
  /** Absolute. */
  root: string;
  name: string;
  guestPath: string;
  mounts: readonly Mount[];
  systemMounts: readonly Mount[];
  network: 'none' | 'proxy' | 'host';
  allowedHosts: readonly string[];
  peers: readonly Peer[];
  localAliases: readonly string[];
  ports: readonly number[];
  env: Readonly<Record<string, string>>;
  host: string;
  port: number;
  user: string;
  hostKeyPath: string | undefined;
  authorizedClientKeys: readonly string[] | undefined;
  identity: { uid: number; gid: number } | undefined;
  handOverRoot: boolean;
  isolation: Isolation;
  credentialsDir: string | undefined;
  hostsPath: string | undefined;
  trackFiles: boolean;
  limits: Limits;
  overlay: boolean;
}

const LIMITS: readonly string[] = ['memoryBytes', 'processes', 'cpus', 'diskBytes', 'openFiles'] satisfies (keyof Limits)[];
const GUEST_PATH = '/workspace';
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_ID = 2 ** 32 - 2;
/** Without walls these would be promises that nobody keeps. */
const NEED_WALLS = [
  'guestPath',
  'mounts',
  'systemMounts',
  'allowedHosts',
  'peers',
  'localAliases',
  'ports',
  'overlay',
  'hostsPath',
] as const;
/** Of the machine's network there is no part to be had. */
const NEED_OWN_NETWORK = ['allowedHosts', 'peers', 'localAliases', 'ports', 'hostsPath'] as const;

export const SYSTEM_MOUNTS: readonly Mount[] = [
  { kind: 'ro', src: '/usr', dst: '/usr' },
  { kind: 'ro', src: '/etc', dst: '/etc' },
  ...['lib', 'lib64', 'bin', 'sbin'].map((name): Mount => ({ kind: 'symlink', src: `usr/${name}`, dst: `/${name}` })),
  { kind: 'proc', dst: '/proc' },
  { kind: 'dev', dst: '/dev' },
  { kind: 'tmpfs', dst: '/tmp' },
];

/** @throws HudError BAD_ARGUMENT; touches nothing */
export function settingsOf(root: string, options: WorkspaceOptions): WorkspaceSettings {
  if (root === '') throw bad('A workspace needs a folder to serve.');
  const { isolation = 'bwrap', guestPath, mounts = [], env = {}, host = '127.0.0.1', port = 0 } = options;
  const settings: WorkspaceSettings = {
    root: resolve(root),
    name: options.name ?? 'shell',
    guestPath: isolation === 'none' ? resolve(root) : (guestPath ?? GUEST_PATH),
    mounts,
    systemMounts: options.systemMounts ?? SYSTEM_MOUNTS,
    ...networkOf(options, isolation),
    peers: options.peers ?? [],
    localAliases: options.localAliases ?? [],
    ports: options.ports ?? [],
    env,
    host,
    port,
    user: options.user ?? 'agent',
    hostKeyPath: options.hostKeyPath,
    authorizedClientKeys: options.authorizedClientKeys,
    identity: identityOf(options),
    handOverRoot: options.handOverRoot ?? true,
    isolation,
    credentialsDir: options.credentialsDir === undefined ? undefined : resolve(options.credentialsDir),
    hostsPath: options.hostsPath === undefined ? undefined : resolve(options.hostsPath),
    trackFiles: options.trackFiles ?? (options.overlay !== true && isTrackingOn()),
    limits: options.limits ?? {},
    overlay: options.overlay ?? false,
  };
  checkWalls(options, isolation);
  checkPlaces(settings);
  checkValues(settings);
  return settings;
}

function networkOf(options: WorkspaceOptions, isolation: Isolation): Pick<WorkspaceSettings, 'network' | 'allowedHosts'> {
  const { network, allowedHosts } = options;
  if (isolation === 'none') {
    if (network === undefined || network === 'host') return { network: 'host', allowedHosts: [] };
    throw bad(
      `Without isolation commands use this machine's network, so network: ${network} can't be kept.`,
      "Use network: 'host', or a sandbox.",
    );
  }
  if (network === 'host') {
    const given = NEED_OWN_NETWORK.find((name) => isGiven(options[name]));
    if (given === undefined) return { network: 'host', allowedHosts: [] };
    throw bad(`network: 'host' is this machine's own network, for which ${given} has no meaning.`, 'Leave one of the two out.');
  }
  if (network === false && isGiven(allowedHosts))
    throw bad('network: false and allowedHosts contradict each other.', 'Leave one of the two out.');
  if (network === true && allowedHosts?.length === 0)
    throw bad('network: true with an empty allowedHosts is no network.', 'Use network: false.');
  const hosts = allowedHosts ?? (network === true ? ['*'] : []);
  return { network: hosts.length > 0 ? 'proxy' : 'none', allowedHosts: hosts };
}

function identityOf({ shellUid: uid, shellGid: gid = uid }: WorkspaceOptions): WorkspaceSettings['identity'] {
  if (uid === undefined) {
    if (gid === undefined) return undefined;
    throw bad('shellGid was given without shellUid.');
  }
  for (const id of [uid, gid]) {
    if (id === undefined || !Number.isInteger(id) || id < 1 || id > MAX_ID)
      throw bad(`${String(id)} is no id of a user without privileges.`);
  }
  return { uid, gid: gid ?? uid };
}

function checkWalls(options: WorkspaceOptions, isolation: Isolation): void {
  if (!ISOLATIONS.includes(isolation)) throw bad(`'${String(isolation)}' is no isolation.`, `Use one of ${ISOLATIONS.join(', ')}.`);
  const given = isolation === 'none' ? NEED_WALLS.find((name) => isGiven(options[name])) : undefined;
  if (given !== undefined) throw bad(`${given} needs a sandbox, and isolation: 'none' has none.`, 'Leave one of the two out.');
}

function checkPlaces({ root, guestPath, credentialsDir, hostsPath, isolation, mounts, systemMounts }: WorkspaceSettings): void {
  if (isolation !== 'none' && !isCleanPath(guestPath)) {
    throw bad(`guestPath '${guestPath}' is no absolute path below the sandbox's root.`, `Use one such as ${GUEST_PATH}.`);
  }
  if (root === sep) throw bad('The whole file system is no workspace.', 'Name a folder.');
  for (const [name, path] of Object.entries({ credentialsDir, hostsPath })) {
    if (path !== undefined && isWithin(root, path))
      throw bad(`${name} '${path}' is below the served folder, where every command could read it.`);
  }
  if (credentialsDir !== undefined && isWithin(credentialsDir, root))
    throw bad(`The served folder is below credentialsDir '${credentialsDir}'.`);
  for (const { kind, src, dst } of [...systemMounts, ...mounts]) {
    if (!isCleanPath(dst)) throw bad(`The mount point '${dst}' is no absolute path.`);
    if ((kind === 'ro' || kind === 'rw' || kind === 'symlink') && !src) throw bad(`The mount '${dst}' of kind ${kind} needs a src.`);
  }
}

function checkValues(settings: WorkspaceSettings): void {
  const { env, port, ports, peers, localAliases } = settings;
  for (const [name, value] of Object.entries(env)) {
    if (!VARIABLE.test(name) || value.includes('\0')) throw bad(`'${name}' is no usable environment variable.`);
  }
  for (const each of [...ports, ...(port === 0 ? [] : [port])]) {
    if (!Number.isInteger(each) || each < 1 || each > 65_535) throw bad(`${each} is no port.`, 'Use 1 to 65535.');
  }
  hostsFileOf({ peers, localAliases, hostname: 'localhost', ports });
  for (const [name, value] of Object.entries(settings.limits)) {
    if (!LIMITS.includes(name)) throw bad(`There is no limit '${name}'.`, `Limits are ${LIMITS.join(', ')}.`);
    if (typeof value === 'number' && !(value > 0)) throw bad(`limits.${name} is ${value}, which allows nothing.`);
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

function isCleanPath(path: string): boolean {
  return isAbsolute(path) && path !== sep && normalize(path) === path && !path.endsWith(sep) && !path.includes('\0');
}

/** Whether `path` is `folder` or below it, by their names alone. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === sep ? sep : `${folder}${sep}`);
}

function bad(message: string, hint?: string): HudError {
  return new HudError('BAD_ARGUMENT', message, hint === undefined ? {} : { hint });
}

function isTrackingOn(): boolean {
  return !/^(false|0|no|off)$/i.test(readSetting('HUD_FILE_TRACKING_ENABLED') ?? 'true');
}
