/** A real Chromium for tests, declared and run as environments do it. */
import { accessSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { openCdp, type CdpClient } from '../src/capabilities/cdp.ts';
import { declareChromium, type Chromium, type ChromiumOptions } from '../src/environment/chromium.ts';
import { Environment } from '../src/environment/environment.ts';

/** Why tests with a browser can't run here; false where they can. */
export const withoutChromium: string | false = [
  '/usr/bin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/Applications/Chromium.app/Contents/MacOS',
]
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome', 'Chromium'].map((name) => `${folder}/${name}`))
  .some(exists)
  ? false
  : 'needs Chromium';

export interface Browser extends AsyncDisposable {
  chromium: Chromium;
  environment: Environment;
  warnings: string[];
  /** A new client of its first page; closed with the browser. */
  open(): Promise<CdpClient>;
}

export async function startBrowser(options: ChromiumOptions = {}): Promise<Browser> {
  const environment = new Environment('browser');
  const warnings: string[] = [];
  environment.onWarning((message) => warnings.push(message));
  const chromium = declareChromium(environment, options);
  await environment.start();
  const clients: CdpClient[] = [];
  return {
    chromium,
    environment,
    warnings,
    async open() {
      const client = await openCdp(environment.capability(chromium.name));
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await environment.stop();
    },
  };
}

export interface Site extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Paths that were asked for. */
  paths: string[];
}

/** Serves a body for each path. */
export async function serveSite(pages: Record<string, string>): Promise<Site> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    paths.push(path);
    const body = pages[path];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8', connection: 'close' });
    response.end(body === undefined ? 'not here' : `<!doctype html><title>${path}</title><body style="margin:0">${body}</body>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
