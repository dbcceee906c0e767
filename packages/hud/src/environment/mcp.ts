/** `env.mcp`: tools of an MCP server as a capability. Ours or another program's, behind one HTTP address. */
import { PROTOCOLS } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';
import type { Environment } from './environment.ts';
import type { McpHost } from './mcp-host.ts';

/** What has `connect`, as `McpServer` of the MCP SDK does. */
export interface ConnectableServer {
  /** @param transport the SDK's, whose types nobody needs who has no such server */
  connect(transport: never): Promise<void>;
}

/**
 * Makes a server for each session: a server of the SDK serves one. State that sessions share lives outside.
 * Give every tool a description: some agents take none without.
 * Or a program that speaks MCP on its standard input and output, started for each session; or a server that runs anyway.
 */
export type McpSource =
  | (() => ConnectableServer | Promise<ConnectableServer>)
  | { command: string; args?: readonly string[]; env?: Record<string, string>; cwd?: string }
  | { url: string; authToken?: string; transport?: 'streamable-http' | 'sse' };

export interface McpOptions {
  /** Name of the capability. @default "tools" */
  name?: string;
}

export interface McpEndpoint {
  readonly name: string;
  /** Where it is served while the environment runs. @throws HudError CAPABILITY_NOT_FOUND before that */
  readonly url: string;
}

/** Declares; the server starts with the environment and ends with it. */
export function declareMcp(environment: Environment, source: McpSource, { name = 'tools' }: McpOptions = {}): McpEndpoint {
  if (typeof source === 'object' && 'url' in source) {
    const { url, authToken, transport = 'streamable-http' } = source;
    const params = { transport, ...(authToken === undefined ? {} : { auth_token: authToken }) };
    return { name, url: environment.addCapability({ name, protocol: PROTOCOLS.mcp, url: withPort(url), params }).url };
  }
  let served: McpHost | undefined;
  environment.initialize(async () => {
    const { McpHost } = await import('./mcp-host.ts'); // only who declares one pays for it
    served = await McpHost.start(source, (message) => environment.warn(`MCP server '${name}': ${message}`));
    const params = { transport: 'streamable-http', auth_token: served.token };
    environment.addCapability({ name, protocol: PROTOCOLS.mcp, url: served.url, params });
  });
  environment.shutdown(async () => {
    await served?.close();
    served = undefined;
  });
  return {
    name,
    get url() {
      if (served !== undefined) return served.url;
      throw new HudError('CAPABILITY_NOT_FOUND', `The MCP server '${name}' runs only while its environment does.`);
    },
  };
}

/** Streams are opened only to an address with an explicit port. */
function withPort(url: string): string {
  const parsed = new URL(url);
  if (parsed.port !== '') return url;
  const port = parsed.protocol === 'https:' || parsed.protocol === 'wss:' ? 443 : 80;
  return url.replace(parsed.host, `${parsed.host}:${port}`);
}
