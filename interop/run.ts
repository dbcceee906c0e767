/**
 * Both halves of the control channel against the Python package, unmodified: its client on our
 * environments, our client on its environments, both command lines, and the package on our platform. At the end the gradients of
 * the local training engine, against a reference in numpy that the package brings along.
 *
 *   npm run interop -- [--hud VERSION] [--only TEXT] [--slow]
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCommandLines } from './cases/command-lines.ts';
import { hands } from './cases/platform-hands.ts';
import { trainingCases } from './cases/platform-training.ts';
import { platformCases } from './cases/platform.ts';
import { runPythonClient, runPythonHands } from './cases/python-client.ts';
import { trainingGradientCases } from './cases/training-gradients.ts';
import { typescriptClientCases } from './cases/typescript-client.ts';
import { typescriptHandsCases } from './cases/typescript-hands.ts';
import { typescriptRolloutCases } from './cases/typescript-rollouts.ts';
import { serve, type Served } from './children.ts';
import { PARTS, missingParts, partsWithout, type Missing } from './components.ts';
import { buildOurCli, ourCli } from './our-cli.ts';
import { servePlatform } from './platform.ts';
import { preparePython, type Python } from './python.ts';
import { Report } from './report.ts';

const here = import.meta.dirname;
const root = join(here, '..');
/** The package takes seconds to import, and its environments start programs. */
const START_MS = 60_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      hud: { type: 'string' }, // an exact release of the Python package instead of the newest
      only: { type: 'string' }, // cases whose name contains this
      slow: { type: 'boolean', default: false }, // also what takes minutes: a case that idles for 130 s, a training of 30 rounds
    },
  });
  await buildOurCli();
  const folder = join(root, '.tools', values.hud === undefined ? 'interop-venv' : `interop-venv-${values.hud}`);
  const python = await preparePython({ folder, release: values.hud });
  await printVersions(python);
  const report = new Report({ only: values.only });

  report.heading('Python client, TypeScript environment');
  await runPythonClient({ python, report, only: values.only, slow: values.slow });

  report.heading('TypeScript client, Python environment');
  await using interop = await serveTheirs(python, 'interop');
  await using verifier = await serveTheirs(python, 'interop-verifier');
  const isInterruptible = isSince(python, 21);
  await report.run(typescriptClientCases({ url: interop.url, readsLongFrames: isSince(python, 16), isInterruptible }));
  await report.run(typescriptRolloutCases({ python, isInterruptible, urls: { interop: interop.url, 'interop-verifier': verifier.url } }));

  if (isInterruptible) {
    report.heading('Python clients and agents on the shell, tools, browser and screen of a TypeScript environment');
    const missing = await missingParts();
    await runPythonHands(missing, { python, report, only: values.only, slow: values.slow });
    report.heading('TypeScript clients and agents on those of a Python environment');
    await runTypeScriptHands(missing, { python, report });
  } else {
    report.skip('shell, tools, browser and screen', `release ${python.hudVersion} is older than 0.6.21`);
  }

  report.heading("Command lines, each on the other package's environment");
  const { command, args } = ourCli('serve', `${join(here, 'envs/env.ts')}:env`, '--port', '0');
  await using ours = await serve(command, args);
  await using theirs = await serveTheirs(python, 'interop'); // a fresh one: what a failed case left parked would fail all of these
  await runCommandLines({ python, report, urls: { Python: theirs.url, TypeScript: ours.url } });

  report.heading('The Python package on our platform');
  await using platform = await servePlatform();
  const without = await missingParts();
  await using shop = await serveShop(without);
  const urls = { interop: ours.url, shop: shop.url };
  const about = { python, platform, urls, withoutShell: without.shell, release: patchOf(python) };
  await report.run(platformCases(about));

  report.heading('The Python package trains a model of our platform');
  if (isInterruptible) await report.run(trainingCases(hands(about), { slow: values.slow }));
  else report.skip('training', `release ${python.hudVersion} is older than 0.6.21`);

  report.heading('The local training engine against a reference in Python');
  await report.run(trainingGradientCases(python));
  console.log(`\n${report.summary()}`);
  return report.isGood ? 0 : 1;
}

async function runTypeScriptHands(missing: Missing, { python, report }: { python: Python; report: Report }): Promise<void> {
  await using world = await serveTheirs(python, 'world', { file: 'world.py', parts: partsWithout(missing) });
  const { agents, ...cases } = typescriptHandsCases(world.url);
  for (const part of PARTS) {
    const reason = missing[part];
    if (reason === undefined) await report.run(cases[part]);
    else report.skip(`our clients on the ${part} of a Python environment`, reason);
  }
  const [reason] = Object.values(missing);
  if (reason === undefined) await report.run(agents);
  else report.skip('our agents on a Python environment', reason);
}

async function serveShop(missing: Missing): Promise<Served> {
  const { command, args } = ourCli('serve', `${join(here, 'envs/shop.ts')}:env`, '--port', '0');
  return await serve(command, args, { env: { INTEROP_PARTS: partsWithout(missing) } });
}

async function serveTheirs(python: Python, env: string, { file = 'env.py', parts = '' } = {}): Promise<Served> {
  const args = ['-m', 'hud.environment.server', join(here, 'envs', file), '--env', env];
  return await serve(python.command, args, { env: { ...python.env, INTEROP_PARTS: parts }, limitMs: START_MS });
}

/** The package is of release 0.6.`patch`, or a later one. */
function isSince(python: Python, patch: number): boolean {
  return patchOf(python) >= patch;
}

function patchOf({ hudVersion }: Python): number {
  return Number.parseInt(hudVersion.split('.')[2] ?? '', 10);
}

async function printVersions(python: Python): Promise<void> {
  const ours = JSON.parse(await readFile(join(root, 'packages/hud/package.json'), 'utf8')) as { version: string };
  const theirs = `python ${python.pythonVersion}, hud (Python) ${python.hudVersion}`;
  console.log(`${theirs}, node ${process.versions.node}, hud (TypeScript) ${ours.version}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
