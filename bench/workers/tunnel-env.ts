/** Serves an environment whose one capability is a raw stream to a port: node tunnel-env.ts <port> */
import { Environment, bind } from 'hud';
import { answer } from '../worker.ts';

const env = new Environment('tunnel', { version: '1.0.0' });
env.addCapability({ name: 'stream', protocol: 'stream/1', url: `stream://127.0.0.1:${process.argv[2]}` });
await using server = await bind(env, { port: 0 });
await answer(async () => ({}), { url: server.url });
