/** A platform in a process of its own, as `hud platform` runs it: settings in the environment, ends on SIGTERM. Tells where it listens and its first key. */
import { readConfig } from '../src/config.ts';
import { startPlatform } from '../src/server.ts';

try {
  const platform = await startPlatform(readConfig(process.env), { version: '0.0.0' });
  process.stdout.write(`${JSON.stringify({ url: platform.url, key: platform.firstKey })}\n`);
  process.once('SIGTERM', () => {
    void platform.close().then(() => process.exit(0));
  });
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message, hint: (error as { hint?: string }).hint })}\n`,
  );
  process.exitCode = 1;
}
