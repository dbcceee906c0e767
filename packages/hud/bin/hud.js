#!/usr/bin/env node
// The `hud` command. Plain JavaScript that any Node can read, so that an old one gets an answer, not a syntax error.

const OLDEST = [22, 18];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  fail(
    `hud needs Node ${OLDEST.join('.')} or newer; this is Node ${process.versions.node}.`,
    'Install a newer one from https://nodejs.org and run the command again.',
  );
} else {
  process.getBuiltinModule('node:module').enableCompileCache(); // an import of it would read every member, and take longer
  await import('../dist/cli.js').catch(explain);
}

function explain(error) {
  const { existsSync } = process.getBuiltinModule('node:fs');
  if (existsSync(new URL('../dist/cli.js', import.meta.url))) throw error;
  fail(
    'hud is not built: there is no dist/cli.js beside its bin folder.',
    'In a checkout run `npm run build`; otherwise install the package again.',
  );
}

function fail(problem, hint) {
  process.stderr.write(`${problem}\n${hint}\n`);
  process.exitCode = 1;
}
