/** Serves the waiting environment in a process of its own; a sample tells how many tasks are live. */
import { bind } from 'hud';
import { answer } from '../worker.ts';
import { live, waitingEnvironment } from './waiting-env.ts';

await using server = await bind(waitingEnvironment(), { port: 0 });
await answer(async () => ({ live }), { url: server.url });
