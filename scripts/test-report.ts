/** From vitest's JSON report to the closing line. */

/** The part of the report that is read here. */
export interface VitestReport {
  testResults: {
    /** Absolute path of the test file. */
    name: string;
    status: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

export interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * A file that could not be loaded counts as one failed test, and so does a run that failed for a
 * reason outside the tests.
 * @param report undefined when vitest wrote none
 * @param code vitest's exit code
 */
export function countTests(report: VitestReport | undefined, code: number): Count {
  const files = report?.testResults ?? [];
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const unloaded = files.filter((file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'));
  const passed = statuses.filter((status) => status === 'passed').length;
  const failed = statuses.filter((status) => status === 'failed').length + unloaded.length;
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed, skipped: statuses.length - passed - (failed - unloaded.length) };
}

export function skippedTests(report: VitestReport | undefined): string[] {
  const tests = (report?.testResults ?? []).flatMap((file) => file.assertionResults);
  return tests.filter(({ status }) => status !== 'passed' && status !== 'failed').map(({ fullName }) => fullName);
}

export function closingLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
