/** Serves the instant environment over TCP in a process of its own, until stdin ends. */
import { bind } from 'hud';
import { answer } from '../worker.ts';
import { instantEnvironment } from './instant-env.ts';

await using server = await bind(instantEnvironment(), { port: 0 });
await answer(async () => ({}), { url: server.url });
