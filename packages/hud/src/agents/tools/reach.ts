/** What an agent can reach in its environment: live clients of the capabilities that it has tools for. */
import { McpClient } from '../../capabilities/mcp.ts';
import { hasScreen, type ScreenDriver } from '../../capabilities/screen.ts';
import { SshClient } from '../../capabilities/ssh.ts';
import type { Run } from '../../client/run.ts';
import { HudError } from '../../protocol/errors.ts';

export interface Reach {
  readonly model: string;
  readonly ssh: SshClient | undefined;
  readonly screen: ScreenDriver | undefined;
  /** All of them, in the order of the manifest. */
  readonly mcp: readonly McpClient[];
}

/** By name, where there are several; `false` leaves the screen alone. */
interface Chosen {
  ssh?: string;
  screen?: string | false;
}

/** @throws HudError CAPABILITY_NOT_FOUND for a name that the environment does not offer, CAPABILITY_FAILED for one that is dead */
export async function openReach(run: Run, model: string, { capabilities = {} }: { capabilities?: Chosen }): Promise<Reach> {
  const [ssh, screen, mcp] = await Promise.all([
    openShell(run, capabilities.ssh),
    capabilities.screen === false ? undefined : openScreen(run, capabilities.screen),
    openServers(run),
  ]);
  return { model, ssh, screen, mcp };
}

async function openShell(run: Run, name: string | undefined): Promise<SshClient | undefined> {
  const found = name ?? firstOf(run, 'ssh');
  if (found === undefined) return undefined;
  const client = await run.client.open(found);
  if (client instanceof SshClient) return client;
  throw new HudError('CAPABILITY_NOT_FOUND', `Capability '${found}' is no shell.`, { hint: 'Name one of protocol ssh/2.' });
}

async function openScreen(run: Run, name: string | undefined): Promise<ScreenDriver | undefined> {
  const found = name ?? firstOf(run, 'rfb') ?? firstOf(run, 'cdp');
  if (found === undefined) return undefined;
  const client = await run.client.open(found);
  if (hasScreen(client)) return await client.screen();
  throw new HudError('CAPABILITY_NOT_FOUND', `Capability '${found}' is no screen.`, { hint: 'Name one of protocol rfb/3.8 or cdp/1.3.' });
}

async function openServers(run: Run): Promise<McpClient[]> {
  const names = run.client.manifest.filter(({ protocol }) => familyOf(protocol) === 'mcp').map(({ name }) => name);
  const clients = await Promise.all(names.map((name) => run.client.open(name)));
  return clients.filter((client) => client instanceof McpClient);
}

function firstOf(run: Run, family: string): string | undefined {
  return run.client.manifest.find(({ protocol }) => familyOf(protocol) === family)?.name;
}

function familyOf(protocol: string): string | undefined {
  return protocol.split('/')[0];
}
