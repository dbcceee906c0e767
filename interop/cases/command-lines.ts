/** Both command lines, each against the environments that the other package serves. */
import assert from 'node:assert/strict';
import { run, type Finished } from '../children.ts';
import { ourCli } from '../our-cli.ts';
import type { Python } from '../python.ts';
import type { Case, Report } from '../report.ts';

type Side = 'Python' | 'TypeScript';

export interface CommandLineOptions {
  python: Python;
  report: Report;
  /** Addresses of the environment `interop`, served by either package. */
  urls: Record<Side, string>;
}

type Hud = (side: Side, ...args: string[]) => Promise<Finished>;

export async function runCommandLines({ python, report, urls }: CommandLineOptions): Promise<void> {
  const hud: Hud = async (side, ...args) =>
    side === 'Python'
      ? await run(python.hud, args, { cwd: python.scratch, env: python.env })
      : await run(ourCli().command, ourCli(...args).args, { cwd: python.scratch });
  await report.run([...splitCases(hud, urls), ...wholeCases(hud, urls), ...errorCases(hud, urls), ourInfo(hud, urls)]);
  const pythonInfo = "Python's hud client info describes a TypeScript environment";
  if ((await hud('Python', 'client', '--help')).code === 0) {
    await report.run([{ name: pythonInfo, run: async () => await describes(hud, 'Python', urls.TypeScript) }]);
  } else {
    report.skip(pythonInfo, `release ${python.hudVersion} has no such command`);
  }
}

/** Started by one process, graded by another: the task waits parked in between. */
function splitCases(hud: Hud, urls: Record<Side, string>): Case[] {
  const ways: [server: Side, starter: Side, grader: Side][] = [
    ['TypeScript', 'Python', 'Python'],
    ['TypeScript', 'Python', 'TypeScript'],
    ['TypeScript', 'TypeScript', 'Python'],
    ['Python', 'TypeScript', 'TypeScript'],
    ['Python', 'TypeScript', 'Python'],
    ['Python', 'Python', 'TypeScript'],
  ];
  return ways.map(([server, starter, grader]) => ({
    name: `a task of a ${server} environment, started by ${starter}'s hud task, is graded by ${grader}'s`,
    async run() {
      const started = await hud(starter, 'task', 'start', 'echo', '--url', urls[server], '--args', '{"tag":"splît"}');
      succeeded(started);
      assert.equal(started.stdout, 'tag=splît\n');
      // Without arguments: a task started anew would have the tag `none` and earn nothing.
      const graded = await hud(grader, 'task', 'grade', 'echo', '--url', urls[server], '--answer', 'splît');
      succeeded(graded);
      assert.equal(Number(graded.stdout), 1);
    },
  }));
}

/** Nothing is parked: the grading command starts the task itself. */
function wholeCases(hud: Hud, urls: Record<Side, string>): Case[] {
  return others().map(([side, server]) => ({
    name: `${side}'s hud task grade starts the task of a ${server} environment when none waits`,
    async run() {
      const args = '{"word":"strawberry","letter":"r"}';
      const graded = await hud(side, 'task', 'grade', 'count', '--url', urls[server], '--args', args, '--answer', '3');
      succeeded(graded);
      assert.equal(Number(graded.stdout), 1);
    },
  }));
}

function errorCases(hud: Hud, urls: Record<Side, string>): Case[] {
  return others().map(([side, server]) => ({
    name: `${side}'s hud task start names a template that a ${server} environment does not have`,
    async run() {
      const started = await hud(side, 'task', 'start', 'no_such', '--url', urls[server]);
      assert.notEqual(started.code, 0);
      assert.match(started.stdout + started.stderr, /no_such/);
    },
  }));
}

function ourInfo(hud: Hud, urls: Record<Side, string>): Case {
  return { name: 'our hud client info describes a Python environment', run: async () => await describes(hud, 'TypeScript', urls.Python) };
}

/** The Python package writes this to stderr. */
async function describes(hud: Hud, side: Side, url: string): Promise<void> {
  const told = await hud(side, 'client', 'info', '--url', url);
  succeeded(told);
  for (const part of [/interop/, /1\.0\.0/, /echo\/1/, /fix_bug/, /answer with the tag/]) assert.match(told.stdout + told.stderr, part);
}

function others(): [side: Side, server: Side][] {
  return [
    ['Python', 'TypeScript'],
    ['TypeScript', 'Python'],
  ];
}

function succeeded({ code, stdout, stderr }: Finished): void {
  assert.equal(code, 0, `exit code ${code}:\n${stdout}${stderr}`);
}
