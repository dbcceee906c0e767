/** A process that serves the environment over TCP, and says on which port. Ends when its standard input does. */
import { bind } from 'hud';
import { env } from './world.ts';

const server = await bind(env, { port: 0 });
process.stdin.on('end', () => void server.close()).resume();
process.on('SIGTERM', () => void server.close());
process.stdout.write(`${server.port}\n`);
await server.closed;
process.exit(0);
