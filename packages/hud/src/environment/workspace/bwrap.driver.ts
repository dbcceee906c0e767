/** Run by tests as a process of its own, maybe of another user: opens a sandbox, does one thing, tells it as JSON. */
import { openSandbox } from './bwrap.ts';
import { runIn, sandboxPlace } from './sandbox.fixtures.ts';

const [mode, command = 'true'] = process.argv.slice(2);
const place = await sandboxPlace({ limits: { processes: 100 }, isJoined: mode === 'hold joined' });
const sandbox = await openSandbox(place.spec);
if (mode?.startsWith('hold')) {
  const running = await sandbox.spawn({ command });
  for await (const piece of running.stdout) process.stdout.write(String(piece)); // until somebody kills this process
} else {
  const { stdout, stderr, status } = await runIn(sandbox, command);
  await sandbox.close();
  await place[Symbol.asyncDispose]();
  process.stdout.write(JSON.stringify({ stdout, stderr, status, level: sandbox.level, warnings: place.warnings }));
}
