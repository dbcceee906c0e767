/** The environment of a workspace's commands: what of this process's own is handed on, and what never is. */
import type { Mount } from './sandbox.ts';

export interface SessionEnvOptions {
  /** This process's environment. */
  server: Readonly<Record<string, string | undefined>>;
  /** What the author set; comes last, unfiltered. */
  workspace: Readonly<Record<string, string>>;
  /** Of the way out, when there is one. */
  proxy: Readonly<Record<string, string>>;
  /** Absolute, inside: becomes HOME. Undefined without a sandbox, where HOME and PATH stay as they are. */
  guestPath: string | undefined;
  /** That decide which folders of PATH exist inside. */
  mounts: readonly Mount[];
  /** Commands run as another user than this process: then little of its environment makes sense to them. */
  isDropped: boolean;
}

const STANDARD_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** All that is handed on to commands of another user. */
const HARMLESS = ['LANG', 'LC_ALL', 'TZ'];

/** Whole families that hold settings of this project, of clouds, registries, model providers and agents. */
const PREFIXES =
  /^(HUD|AWS|AZURE|ARM|GOOGLE|GCP|GCLOUD|CLOUDSDK|GEMINI|VERTEX|OPENAI|ANTHROPIC|CLAUDE|HF|HUGGING_FACE|HUGGINGFACE|WANDB|GITHUB|GH|GITLAB|CI_JOB|BITBUCKET|NPM_CONFIG|NPM|YARN|PIP|UV|TWINE|CARGO_REGISTRY|CARGO_REGISTRIES|DOCKER|KUBE|KUBERNETES|VAULT|TF|DIGITALOCEAN|CLOUDFLARE|ALIBABA_CLOUD|SENTRY|DATADOG|DD|SSH|GPG|DBUS|PG|MYSQL)(_|$)/i;
/** Whatever ends like a secret. */
const SECRETS =
  /(^|_)(API_?KEYS?|KEY|KEY_ID|SECRETS?|TOKENS?|PASS|PWD|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|COOKIE|SESSION|DSN|CONNECTION_STRING|CERT|PEM)$/i;
const BY_NAME = new Set(['KUBECONFIG', 'NETRC', 'KRB5CCNAME', 'PGPASSWORD', 'PGPASSFILE', 'GNUPGHOME', 'XAUTHORITY']);
/** An address with a password in it, by whatever name. */
const LOGIN_URL = /:\/\/[^/?#\s]*@/;

/** True of this machine and this process alone, or read by the loader and the shell before any command. */
const LOCAL =
  /^(TMPDIR|TMP|TEMP|OLDPWD|SHLVL|_|BASH_ENV|ENV|PROMPT_COMMAND|NODE_OPTIONS|NODE_CHANNEL_FD|VITEST.*|LD_.*|XDG_.*|BASH_FUNC_.*|INVOCATION_ID|JOURNAL_STREAM)$/;
const PROXIES = /^(https?|all|no|ftp)_proxy$/i;

/** Every variable, complete: nothing is inherited beyond it. `TERM` of a terminal comes with its request. */
export function sessionEnv(options: SessionEnvOptions): Record<string, string> {
  const { server, workspace, proxy, guestPath, mounts, isDropped } = options;
  const env = isDropped ? pick(server, HARMLESS) : handedOn(server, guestPath !== undefined);
  const path = server.PATH ?? '';
  env.PATH = guestPath === undefined ? path || STANDARD_PATH.join(':') : pathInside(path, [...mounts.map((mount) => mount.dst), guestPath]);
  if (guestPath !== undefined) env.HOME = guestPath;
  env.LANG ??= 'C.UTF-8';
  return { ...env, ...proxy, ...workspace };
}

/** Whether a variable of this process may be seen by an agent. */
export function isCredential(name: string, value: string): boolean {
  return PREFIXES.test(name) || SECRETS.test(name) || BY_NAME.has(name) || LOGIN_URL.test(value);
}

function handedOn(server: SessionEnvOptions['server'], isInside: boolean): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(server)) {
    if (value === undefined || name === 'PWD' || isCredential(name, value) || LOCAL.test(name)) continue;
    if (isInside && PROXIES.test(name)) continue;
    env[name] = value;
  }
  return env;
}

function pick(server: SessionEnvOptions['server'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (server[name] === undefined ? [] : [[name, server[name]]])));
}

/** This process's own folders as far as they are mounted, then the usual ones. */
function pathInside(path: string, mounted: readonly string[]): string {
  const isInside = (folder: string): boolean =>
    mounted.some((mount) => mount !== '/' && (folder === mount || folder.startsWith(`${mount}/`)));
  const own = path.split(':').filter((folder) => folder.startsWith('/') && isInside(folder));
  return [...new Set([...own, ...STANDARD_PATH])].join(':');
}
