import { defineCommand } from '../command.ts';
import { examine } from '../doctor/checks.ts';
import { EXIT } from '../error-report.ts';

export const doctor = defineCommand({
  options: {},
  notes: 'Keys are reported as present or absent, never shown. Exit code 1 when something needs mending.',
  run: async (_input, context) => {
    const findings = await examine(context);
    const { green, yellow, red, dim } = context.out;
    const marks = { ok: green('ok  '), warn: yellow('warn'), fail: red('fail') };
    return {
      json: findings,
      text: () =>
        findings.flatMap(({ level, name, detail, advice }) => [
          `${marks[level]}  ${name}: ${detail}`,
          ...(advice === undefined ? [] : [dim(`      ${advice}`)]),
        ]),
      exitCode: findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.ok,
    };
  },
});
