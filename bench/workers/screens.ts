/** Serves a desktop and a browser of 1280×800, each with a picture that is not flat: node screens.ts */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Environment, bind } from 'hud';
import { answer } from '../worker.ts';

const cells = Array.from({ length: 600 }, (_, i) => `<b style="background:hsl(${(i * 37) % 360} 70% ${30 + (i % 50)}%)">${i}</b>`);
const page = `<!doctype html><style>body{margin:0;font:14px serif}b{display:inline-block;width:50px;height:40px}</style>${cells.join('')}`;
const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page)).listen(0, '127.0.0.1');
await once(pages, 'listening');

const env = new Environment('screens', { version: '1.0.0' });
env.chromium({ url: `http://127.0.0.1:${(pages.address() as AddressInfo).port}/` });
env.desktop({ apps: [{ command: 'xterm', args: ['-geometry', '200x55+0+0', '-e', 'ls -l /usr/bin; sleep 100000'] }] });
{
  await using server = await bind(env, { port: 0 });
  await answer(async () => ({}), { url: server.url });
}
pages.close();
