/** The Python package's clients against our environments: `python/drive.py` runs the cases and reports a line for each. */
import { join } from 'node:path';
import { z } from 'zod';
import { run, serve } from '../children.ts';
import { PARTS, partsWithout, type Missing } from '../components.ts';
import { handsModel } from '../hands-model.ts';
import { ourCli } from '../our-cli.ts';
import type { Python } from '../python.ts';
import type { Report } from '../report.ts';

const Line = z.object({ case: z.string(), ms: z.number(), error: z.string().nullable() });

export interface PythonClientOptions {
  python: Python;
  report: Report;
  only?: string | undefined;
  slow: boolean;
}

/** The control channel. */
export async function runPythonClient(options: PythonClientOptions): Promise<void> {
  const env = join(import.meta.dirname, '../envs/env.ts');
  await using served = await serveOurs([`${env}:env`]);
  await using verifier = await serveOurs([`${env}:verifier`]);
  await using wide = await serveOurs([`${env}:env`, '--peer-frame-limit', String(16 * 1024 * 1024)]);
  await drive('control', { interop: served.url, 'interop-verifier': verifier.url, wide: wide.url }, options);
}

/** Shell, tools, browser and screen, then agents with all of them. */
export async function runPythonHands(missing: Missing, options: PythonClientOptions): Promise<void> {
  const { report } = options;
  const world = `${join(import.meta.dirname, '../envs/world.ts')}:env`;
  await using served = await serveOurs([world], { INTEROP_PARTS: partsWithout(missing) });
  await using model = await handsModel();
  const reasons = PARTS.map((part) => [part, missing[part]] as const);
  for (const [part, reason] of reasons) {
    if (reason !== undefined) report.skip(`the Python package's clients on our ${part}`, reason);
  }
  const suites: string[] = reasons.filter(([, reason]) => reason === undefined).map(([part]) => part);
  const [reason] = Object.values(missing);
  if (reason === undefined) suites.push('agents');
  else report.skip("the Python package's agents on our environment", reason);
  await drive(suites.join(','), { world: served.url, model: model.baseUrls.anthropic }, options);
}

async function drive(
  suites: string,
  urls: Record<string, string>,
  { python, report, only = '', slow }: PythonClientOptions,
): Promise<void> {
  const script = join(import.meta.dirname, '../python/drive.py');
  const pairs = Object.entries(urls).flatMap(([name, url]) => ['--url', `${name}=${url}`]);
  let lines = 0;
  const done = await run(python.command, [script, suites, ...pairs, '--only', only, ...(slow ? ['--slow'] : [])], {
    env: python.env,
    limitMs: slow ? 400_000 : 200_000,
    onLine(text) {
      const line = Line.parse(JSON.parse(text));
      lines += 1;
      report.add({ name: line.case, ms: line.ms, error: line.error ?? undefined });
    },
  });
  if (done.code === 0 && (lines > 0 || only !== '')) return;
  const error = `it ended with code ${done.code} after ${lines} cases:\n${done.stderr.slice(-2_000)}`;
  report.add({ name: `drive.py runs its cases of ${suites}`, ms: 0, error });
}

async function serveOurs(args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof serve> {
  const { command, args: before } = ourCli('serve', ...args, '--port', '0');
  return await serve(command, before, { env });
}
