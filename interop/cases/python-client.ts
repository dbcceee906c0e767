/** The Python package's client against our environments: `python/drive.py` runs the cases and reports a line for each. */
import { join } from 'node:path';
import { z } from 'zod';
import { run, serve } from '../children.ts';
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

export async function runPythonClient({ python, report, only = '', slow }: PythonClientOptions): Promise<void> {
  const env = join(import.meta.dirname, '../envs/env.ts');
  await using served = await serveOurs([`${env}:env`]);
  await using verifier = await serveOurs([`${env}:verifier`]);
  await using wide = await serveOurs([`${env}:env`, '--peer-frame-limit', String(16 * 1024 * 1024)]);
  const script = join(import.meta.dirname, '../python/drive.py');
  const urls = ['--env', served.url, '--verifier', verifier.url, '--wide', wide.url];
  let lines = 0;
  const done = await run(python.command, [script, ...urls, '--only', only, ...(slow ? ['--slow'] : [])], {
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
  report.add({ name: 'drive.py runs its cases', ms: 0, error });
}

async function serveOurs(args: readonly string[]): ReturnType<typeof serve> {
  const { command, args: before } = ourCli('serve', ...args, '--port', '0');
  return await serve(command, before);
}
