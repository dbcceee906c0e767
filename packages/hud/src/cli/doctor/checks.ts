/** What `hud doctor` looks at. Each check is one finding; none changes anything but a probe file that it removes. */
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPlatform } from '../../api-client/index.ts';
import { platformSettings, readSetting } from '../../host/settings.ts';
import { nodeHost } from '../../host/node.ts';
import { accounts } from '../../protocol/api/index.ts';
import { isHudError, messageOf } from '../../protocol/errors.ts';
import { DEFAULT_PORT } from '../../protocol/messages.ts';
import type { Context } from '../command.ts';
import { checkWhole } from '../../store/index.ts';
import { openRecord, recordDirectory } from '../record.ts';
import { literalLine } from '../terminal/literal.ts';
import { plural } from '../terminal/wording.ts';

export interface Finding {
  name: string;
  level: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to do about it. */
  advice?: string;
}

export async function examine(context: Context): Promise<Finding[]> {
  return await Promise.all([
    node(),
    record(context),
    cache(),
    keys(),
    ...platform(),
    port(),
    tool('bubblewrap', 'bwrap', ['--version'], 'Install bubblewrap: shells that environments offer are isolated with it.'),
    tool('chromium', 'chromium', ['--version'], 'Install chromium: the browser that environments offer with env.chromium().'),
    tool('desktop', 'Xtigervnc', ['-version'], 'Install tigervnc-standalone-server and openbox: the desktop of env.desktop().'),
    tool(
      'docker',
      'docker',
      ['version', '--format', '{{.Server.Version}}'],
      'Install and start Docker for tasks that bring an image; without it they can run elsewhere.',
    ),
    tool(
      'python',
      context.env.HUD_PYTHON ?? 'python3',
      ['-c', 'import hud, sys; print(sys.version.split()[0])'],
      'Only environments written in Python need it: pip install hud-python, or point HUD_PYTHON to an interpreter that has it.',
    ),
  ]);
}

const OLDEST_NODE = [22, 18] as const;

async function node(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (isNewEnough) return { name: 'node', level: 'ok', detail: process.versions.node };
  return { name: 'node', level: 'fail', detail: process.versions.node, advice: `Install Node ${OLDEST_NODE.join('.')} or newer.` };
}

async function record(context: Context): Promise<Finding> {
  const directory = recordDirectory(context);
  try {
    await using store = await openRecord(context);
    if (store === undefined) return { name: 'record', level: 'ok', detail: `nothing in ${directory} yet` };
    const { items, nextCursor } = await store.listJobs({ limit: 100 });
    const detail = `${directory}: ${plural(items.length, 'job')}${nextCursor === undefined ? '' : ' and more'}`;
    return { name: 'record', detail, level: 'ok', ...(await integrity(directory, detail, context)) };
  } catch (error) {
    const advice = isHudError(error) ? error.hint : undefined;
    return {
      name: 'record',
      level: 'fail',
      detail: literalLine(messageOf(error)),
      advice: advice ?? 'Move the folder away to start afresh, or set HUD_DIR.',
    };
  }
}

const SLOW_MS = 2_000;

/** What is wrong inside the database, if anything. Tells how far it is when that takes longer. */
async function integrity(directory: string, detail: string, context: Context): Promise<Partial<Finding>> {
  const began = nodeHost.monotonic();
  const { problems, incomplete } = await checkWhole(directory, {
    signal: context.signal,
    onProgress: ({ table, index, count }) => {
      if (index > 1 && nodeHost.monotonic() - began > SLOW_MS) context.note(`checking the record: ${table}, ${index + 1} of ${count}`);
    },
  });
  if (problems.length > 0)
    return {
      level: 'fail',
      detail: `${detail}, damaged: ${literalLine(problems.slice(0, 3).join('; '))}`,
      advice: 'What it answers may be wrong. Copy the folder, then `sqlite3 hud.db .recover` writes what is left into another file.',
    };
  if (incomplete === undefined) return {};
  return {
    level: 'warn',
    detail: `${detail}, not checked whole: ${literalLine(incomplete)}`,
    advice: '`sqlite3 hud.db "PRAGMA integrity_check"` has no limit of time.',
  };
}

async function cache(): Promise<Finding> {
  const directory = join(homedir(), '.hud', '.cache');
  const probe = join(directory, `.probe-${process.pid}`);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(probe, '');
    return { name: 'cache', level: 'ok', detail: `${directory} is writable` };
  } catch (error) {
    return {
      name: 'cache',
      level: 'warn',
      detail: literalLine(messageOf(error)),
      advice: 'Make it writable: compiled sources are kept there, else in the temporary directory.',
    };
  } finally {
    await rm(probe, { force: true }).catch(() => {}); // it was not written then
  }
}

const PLATFORM_MS = 3_000;

/** Nothing where none is set: it is an offer, not a need. */
function platform(): Promise<Finding>[] {
  const { apiUrl } = platformSettings();
  return apiUrl === undefined ? [] : [reachable(apiUrl)];
}

async function reachable(url: string): Promise<Finding> {
  try {
    const { team, role } = await openPlatform().call(accounts.me, {}, { retries: 0, timeoutMs: PLATFORM_MS });
    return { name: 'platform', level: 'ok', detail: literalLine(`${url}, as ${role} of ${team.name}`) };
  } catch (error) {
    const advice = isHudError(error) ? error.hint : undefined;
    return { name: 'platform', level: 'warn', detail: literalLine(messageOf(error)), ...(advice === undefined ? {} : { advice }) };
  }
}

const KEYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'HUD_API_KEY'];

async function keys(): Promise<Finding> {
  const present = KEYS.filter((name) => readSetting(name) !== undefined);
  if (present.length > 0) return { name: 'keys', level: 'ok', detail: present.join(', ') };
  return {
    name: 'keys',
    level: 'warn',
    detail: 'none',
    advice: `To run models: hud set ${KEYS[0]}=… (or ${KEYS.slice(1).join(', ')}). The agents oracle and nop need none.`,
  };
}

async function port(): Promise<Finding> {
  const name = 'port';
  try {
    const listener = await nodeHost.listen({ host: '127.0.0.1', port: DEFAULT_PORT }, (stream) => stream.destroy());
    await listener.close();
    return { name, level: 'ok', detail: `${DEFAULT_PORT} is free` };
  } catch (error) {
    if (!isHudError(error) || error.code !== 'PORT_IN_USE') throw error;
    return {
      name,
      level: 'warn',
      detail: `${DEFAULT_PORT} is taken`,
      advice: 'An environment may be served there already (`hud client info`); else `hud serve --port 0`.',
    };
  }
}

const TOOL_MS = 10_000;

async function tool(name: string, command: string, args: readonly string[], advice: string): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: TOOL_MS });
    return { name, level: 'ok', detail: literalLine(stdout.trim().split('\n')[0] ?? '') || 'present' };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const lastLine = stderr?.trim().split('\n').at(-1);
    return { name, level: 'warn', detail: code === 'ENOENT' ? 'not installed' : literalLine(lastLine || messageOf(error)), advice };
  }
}
