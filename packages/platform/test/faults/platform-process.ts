/**
 * A platform in a process of its own, to be killed: node platform-process.ts
 * Loads the code, says so, and starts with the settings that the first line of its input holds as JSON.
 */
import { createInterface } from 'node:readline';
import { readConfig } from '../../src/config.ts';
import { startPlatform } from '../../src/server.ts';

process.stdout.write('loaded\n');
for await (const line of createInterface({ input: process.stdin })) {
  const platform = await startPlatform(readConfig(JSON.parse(line) as Record<string, string>), { version: '0.0.0' });
  process.stdout.write(`${platform.url}\n`);
}
process.exit(0); // whoever started it is gone
