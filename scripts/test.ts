/**
 *   npm test                 checks, a full build, every test
 *   npm test -- frames run   only test files whose path contains one of these words; no checks
 *   npm test -- --suite S    the tests of test/S in any package, which the others leave out; no checks. With the suite
 *                            `servers` the platform's own tests run once more, on PostgreSQL and S3
 *
 * Ends with the line `N passed, N failed`. A failed check or build counts as one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChecks } from './check.ts';
import { realComponents } from './real-components.ts';
import { showTool } from './run-tool.ts';
import { closingLine, type Count, countTests, skippedTests, type VitestReport } from './test-report.ts';

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(args: string[]): Promise<boolean> {
  const { values, positionals: filters } = parseArgs({ args, options: { suite: { type: 'string' } }, allowPositionals: true });
  if (values.suite !== undefined) process.env.HUD_SUITE = values.suite; // read by vitest.config.ts
  const isWhole = filters.length === 0 && values.suite === undefined;
  let failedSteps = isWhole ? await runChecks() : 0;
  const built = await showTool(process.execPath, [join(import.meta.dirname, 'build.ts'), ...(isWhole ? [] : ['--no-types'])]);
  if (built !== 0) failedSteps++;
  const { report, code } = await runVitest(values.suite === undefined ? filters : ['--project', values.suite, ...filters]);
  const tests: Count = countTests(report, code);
  for (const name of skippedTests(report)) process.stdout.write(`skipped: ${name}\n`);
  if (isWhole) process.stdout.write(`\n${await realComponents()}\n`);
  const total = { ...tests, failed: tests.failed + failedSteps };
  process.stdout.write(`\n${closingLine(total)}\n`);
  return total.failed === 0;
}

async function runVitest(filters: string[]): Promise<{ report: VitestReport | undefined; code: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'hud-test-report-'));
  const path = join(folder, 'report.json');
  try {
    const code = await showTool('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${path}`, ...filters]);
    const text = await readFile(path, 'utf8').catch(() => undefined); // absent when vitest could not start
    return { code, report: text === undefined ? undefined : (JSON.parse(text) as VitestReport) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
