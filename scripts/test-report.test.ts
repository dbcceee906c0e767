import { expect, test } from 'vitest';
import { closingLine, countTests, skippedTests, type VitestReport } from './test-report.ts';

function report(...files: { status?: string; tests: string[] }[]): VitestReport {
  return {
    testResults: files.map(({ status = 'passed', tests }, file) => ({
      name: `/repository/${file}.test.ts`,
      status,
      assertionResults: tests.map((state, index) => ({ status: state, fullName: `test ${file}.${index}` })),
    })),
  };
}

test('tests are counted over all files', () => {
  const all = report({ tests: ['passed', 'pending'] }, { status: 'failed', tests: ['failed', 'passed', 'todo'] });
  expect(countTests(all, 1)).toEqual({ passed: 2, failed: 1, skipped: 2 });
  expect(skippedTests(all)).toEqual(['test 0.1', 'test 1.2']);
});

test('a file that could not be loaded is one failure', () => {
  expect(countTests(report({ status: 'failed', tests: [] }, { tests: ['passed'] }), 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('a file whose hooks failed is one failure although no test of it failed', () => {
  expect(countTests(report({ status: 'failed', tests: ['pending', 'pending'] }), 1)).toEqual({ passed: 0, failed: 1, skipped: 2 });
});

test('a failure outside the tests never looks like a pass', () => {
  expect(countTests(report({ tests: ['passed'] }), 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(countTests(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('the closing line names skips only when there are some', () => {
  expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
  expect(closingLine({ passed: 12, failed: 1, skipped: 3 })).toBe('12 passed, 1 failed, 3 skipped');
});
