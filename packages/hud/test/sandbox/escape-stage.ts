/**
 * An environment with two workspaces, an agent on one of them, and the attempts it makes, one after the other. Must be
 * started in namespaces of its own, so that an attempt that succeeds, or one that is made without walls, still harms
 * nothing but this program. Takes a plan as JSON, and prints what was seen as JSON.
 */
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSsh, shellQuote } from '../../src/capabilities/ssh.ts';
import { bind, Environment } from '../../src/environment/index.ts';
import type { Workspace } from '../../src/environment/workspace/workspace.ts';
import type { Attempt, Author, Facts, Scene } from './escape-attempt.ts';
import { ATTEMPTS } from './escape-attempts.ts';
import { prelude } from './escape-prelude.ts';
import { makeWorld } from './escape-world.ts';

export interface Plan {
  wall: 'bwrap' | 'none';
  attempts: string[];
}

export interface Row {
  name: string;
  /** The end of what was printed. */
  outcome: string;
  /** What was gained, or happened outside. */
  breaches: string[];
}

export interface Report {
  uid: number;
  rows: Row[];
  warnings: string[];
}

/** The word that nobody inside must come to know; it stands in variables of this process as well. */
export const MARK_VARIABLE = 'HUD_API_KEY';
const CODE_MS = 15_000;
const AFTERWARDS_MS = 25_000;
const OTHER_MS = 5_000;

if (process.argv[2] !== undefined) await main(JSON.parse(process.argv[2]) as Plan);

async function main({ wall, attempts }: Plan): Promise<void> {
  const mark = process.env[MARK_VARIABLE] ?? '';
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hud-escape-')));
  chmodSync(folder, 0o755);
  for (const name of ['keys', 'author', 'other']) mkdirSync(join(folder, name), { mode: name === 'keys' ? 0o700 : 0o755 });
  writeFileSync(join(folder, 'other', 'other.txt'), mark, { mode: 0o666 });
  const world = await makeWorld(folder, mark);
  const environment = new Environment('escape');
  const options = wall === 'none' ? { isolation: wall } : {};
  const keys = join(folder, 'keys');
  const workspace = environment.workspace(join(folder, 'root'), { ...options, credentialsDir: keys });
  const other = environment.workspace(join(folder, 'other'), { ...options, name: 'other' });
  const warnings: string[] = [];
  const server = await bind(environment, { onWarning: (message) => void warnings.push(message) });
  const facts: Facts = { ...world.facts, keys, otherRoot: other.root };
  const scene: Scene = {
    author: wall === 'bwrap' ? throughProduct(workspace) : naively(workspace.root),
    ssh: await openSsh(environment.capability('shell')),
    facts,
    folder: join(folder, 'author'),
  };
  const rows: Row[] = [];
  for (const name of attempts) {
    const attempt = ATTEMPTS.find((each) => each.name === name) as Attempt;
    const outcome = await make(attempt, scene);
    const answers = wall === 'none' || (await bounded(OTHER_MS, other.run('cat other.txt'))).includes(mark);
    rows.push({
      name,
      outcome: outcome.slice(-2_000),
      breaches: [...judged(outcome, mark), ...world.look(), ...(answers ? [] : ['silenced the other sandbox'])],
    });
    await workspace.discardSandbox();
    await emptied(workspace.root);
  }
  await scene.ssh.close();
  await server.close();
  await world[Symbol.asyncDispose]();
  await removed([folder]);
  const report: Report = { uid: process.getuid?.() ?? 0, rows, warnings };
  process.stdout.write(JSON.stringify(report), () => process.exit());
}

/** What runs in the background without walls ends when its file is gone. What was mounted there stays, and is not gone into. */
async function emptied(root: string): Promise<void> {
  await rm(join(root, 'running'), { force: true });
  await removed((await readdir(root)).map((name) => join(root, name)));
}

function removed(paths: readonly string[]): Promise<void> {
  return new Promise((resolve) => void execFile('rm', ['-rf', '--one-file-system', '--', ...paths], () => resolve()));
}

async function make({ code, pty = false, afterwards }: Attempt, scene: Scene): Promise<string> {
  const script = `/usr/bin/python3 -c ${shellQuote(prelude(scene.facts) + code)}`;
  const options = { timeoutMs: CODE_MS, ...(pty ? { pty: { cols: 80, rows: 24 } } : {}) };
  const inside = await scene.ssh
    .exec(script, options)
    .then(({ stdout, stderr, exitCode }) => `${stdout}\n${stderr}\nexit ${exitCode}`, String);
  return afterwards === undefined ? inside : `${inside}\n${await bounded(AFTERWARDS_MS, afterwards(scene))}`;
}

function judged(outcome: string, mark: string): string[] {
  const told = [...outcome.matchAll(/BREACH: (.*)/g)].map(([, what]) => (what ?? '').trim());
  return [...new Set(outcome.includes(mark) ? ['the word was read', ...told] : told)];
}

async function bounded(limitMs: number, work: Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(resolve, limitMs, `BREACH: nothing came within ${limitMs} ms`)));
  const outcome = await Promise.race([late, work.then((value) => (isResult(value) ? value.stdout + value.stderr : String(value)), String)]);
  clearTimeout(timer);
  return outcome;
}

function isResult(value: unknown): value is { stdout: string; stderr: string } {
  return typeof value === 'object' && value !== null && 'stdout' in value;
}

function throughProduct(workspace: Workspace): Author {
  return {
    read: async (path) => (await workspace.read(path)).toString(),
    write: async (path, content) => await workspace.write(path, content),
    list: async (path) => (await workspace.list(path)).join(' '),
    fill: async (folder) => await workspace.fill(folder),
    run: async (command, isolated) => {
      const { stdout, stderr } = await workspace.run(command, { isolated, timeoutMs: OTHER_MS });
      return `${stdout}\n${stderr}`;
    },
  };
}

/** As one would do it who trusts what lies in the folder. */
function naively(root: string): Author {
  return {
    read: async (path) => await readFile(join(root, path), 'utf8'),
    write: async (path, content) => await writeFile(join(root, path), content),
    list: async (path) => (await readdir(join(root, path))).join(' '),
    fill: async (folder) => {
      for (const name of await readdir(folder)) {
        for (const file of await readdir(join(folder, name))) cpSync(join(folder, name, file), join(root, name, file));
      }
    },
    run: (command) =>
      new Promise((resolve) => {
        const env = { ...process.env, HOME: root, PATH: `.:${process.env.PATH}` };
        execFile('bash', ['-lc', command], { cwd: root, env, timeout: OTHER_MS }, (_, stdout, stderr) => resolve(stdout + stderr));
      }),
  };
}
