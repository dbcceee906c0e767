/** The Python package, in a virtual environment of its own that is made once and kept. */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './children.ts';

/** An interpreter with the package installed. */
export interface Python {
  /** The virtual environment's `python`. */
  readonly command: string;
  /** Its `hud`. */
  readonly hud: string;
  readonly pythonVersion: string;
  readonly hudVersion: string;
  /** A folder that is gone when this process is; the home of Python children. */
  readonly scratch: string;
  /** For every Python child: no telemetry, no look-ups, settings from an empty home. */
  readonly env: Record<string, string | undefined>;
}

/** Newest first: the package supports no others. */
const SUPPORTED = ['3.12', '3.11'];
/** From 0.29 on, typer breaks the package's command line. */
const BESIDE = ['typer<0.29'];
/** From 2 on, Anthropic's SDK breaks the Claude agent of older releases. */
const BESIDE_OLDER = ['anthropic<2'];
const NEWEST_OLDER = 20;
const INSTALL_MS = 600_000;

/**
 * @param folder where the virtual environment is kept between runs
 * @param release an exact version of the package, or the newest 0.6
 * @throws Error saying what is missing
 */
export async function preparePython({ folder, release }: { folder: string; release?: string | undefined }): Promise<Python> {
  const requirement = release === undefined ? 'hud>=0.6,<0.7' : `hud==${release}`;
  const base = await findInterpreter();
  const bin = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  const command = join(bin, 'python');
  const isKept = (await sameMarker(folder, base.version)) && (await isRunnable(command));
  if (!isKept) {
    await rm(folder, { recursive: true, force: true });
    await must(base.command, ['-m', 'venv', folder], 'The virtual environment could not be made');
  }
  const before = isKept ? await installed(command) : undefined;
  await install(command, [requirement, ...BESIDE, ...(isOlder(release) ? BESIDE_OLDER : [])], before);
  await writeFile(join(folder, 'interop.json'), JSON.stringify({ python: base.version }));
  const hudVersion = await installed(command);
  if (hudVersion === undefined) throw new Error('The Python package hud was installed but cannot be imported.');
  const scratch = await mkdtemp(join(tmpdir(), 'hud-interop-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  return { command, hud: join(bin, 'hud'), pythonVersion: base.version, hudVersion, scratch, env: quietEnv(scratch) };
}

function isOlder(release: string | undefined): boolean {
  return release !== undefined && Number(release.split('.')[2]) <= NEWEST_OLDER;
}

/** A name may exist and still not run (a version manager's stub), so each is asked. */
async function findInterpreter(): Promise<{ command: string; version: string }> {
  const seen: string[] = [];
  for (const command of [...SUPPORTED.map((version) => `python${version}`), 'python3', 'python']) {
    const asked = await run(command, ['-c', 'import platform; print(platform.python_version())']).catch(() => undefined);
    const version = asked?.code === 0 ? asked.stdout.trim() : undefined;
    if (version === undefined) continue;
    if (SUPPORTED.some((minor) => version.startsWith(`${minor}.`))) return { command, version };
    seen.push(`${command} is ${version}`);
  }
  const found = seen.join(', ') || 'no Python';
  throw new Error(`Python 3.11 or 3.12 is needed to run the Python package; found ${found}. Install one and run this again.`);
}

async function sameMarker(folder: string, python: string): Promise<boolean> {
  const text = await readFile(join(folder, 'interop.json'), 'utf8').catch(() => '{}'); // absent: an unfinished or foreign folder
  return (JSON.parse(text) as { python?: unknown }).python === python;
}

/** Another run that was stopped, or made it anew at the same time, may have left a part of it. */
async function isRunnable(command: string): Promise<boolean> {
  const asked = await run(command, ['-m', 'pip', '--version']).catch(() => undefined);
  return asked?.code === 0;
}

/** Without an index at hand, what is installed already will do. */
async function install(command: string, requirements: readonly string[], before: string | undefined): Promise<void> {
  const [requirement = ''] = requirements;
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--upgrade', ...requirements];
  const done = await run(command, args, { limitMs: INSTALL_MS });
  if (done.code === 0) return;
  if (before !== undefined && requirement.includes('>=')) {
    console.log(`pip could not look for a newer version; ${before} is installed and stays.`);
    return;
  }
  throw new Error(`pip could not install ${requirement}:\n${done.stderr.trim()}`);
}

async function installed(command: string): Promise<string | undefined> {
  const asked = await run(command, ['-c', 'from importlib.metadata import version; print(version("hud"))']);
  return asked.code === 0 ? asked.stdout.trim() : undefined;
}

async function must(command: string, args: readonly string[], failure: string): Promise<void> {
  const done = await run(command, args, { limitMs: INSTALL_MS });
  if (done.code !== 0) throw new Error(`${failure}:\n${(done.stderr || done.stdout).trim()}`);
}

/** Nothing listens on port 9, so that a look-up which slips through fails at once instead of leaving the machine. */
function quietEnv(home: string): Record<string, string | undefined> {
  const nowhere = 'http://127.0.0.1:9';
  return {
    HOME: home,
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    HUD_API_KEY: undefined,
    HUD_TELEMETRY_ENABLED: '0',
    HUD_CLI_ANALYTICS_ENABLED: '0',
    HUD_SKIP_VERSION_CHECK: '1',
    HUD_TELEMETRY_LOCAL_DIR: join(home, 'spans'),
    HUD_TELEMETRY_URL: nowhere,
    HUD_API_URL: nowhere,
    HUD_GATEWAY_URL: nowhere,
    HUD_RUNTIME_URL: nowhere,
    HUD_RL_URL: nowhere,
    HUD_WEB_URL: nowhere,
  };
}
