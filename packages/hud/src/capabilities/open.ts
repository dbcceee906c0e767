/** From a capability's protocol id to a live client for it. */
import type { Capability } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';
import type { CdpClient } from './cdp.ts';
import type { FileTrackingClient } from './file-tracking.ts';
import type { McpClient } from './mcp.ts';
import type { RfbClient } from './rfb.ts';
import type { SshClient } from './ssh.ts';

export interface CapabilityClient {
  readonly capability: Capability;
  /** May be called twice. */
  close(): Promise<void>;
}

/** What a family of protocols is opened as. */
export interface CapabilityClients {
  ssh: SshClient;
  mcp: McpClient;
  cdp: CdpClient;
  rfb: RfbClient;
  filetracking: FileTrackingClient;
}

/** How each family of protocols is opened; the modules are loaded on use, because some bring large packages. */
const OPENERS: Record<string, (capability: Capability) => Promise<CapabilityClient>> = {
  ssh: async (capability) => (await import('./ssh.ts')).openSsh(capability),
  cdp: async (capability) => (await import('./cdp.ts')).openCdp(capability),
  rfb: async (capability) => (await import('./rfb.ts')).openRfb(capability),
  filetracking: async (capability) => (await import('./file-tracking.ts')).openFileTracking(capability),
  mcp: async (capability) => (await import('./mcp.ts')).openMcp(capability),
};

/**
 * @throws HudError CAPABILITY_NOT_FOUND for a protocol without a client here (use its binding),
 *   CAPABILITY_FAILED when its server can't be reached
 */
export async function openCapability(capability: Capability): Promise<CapabilityClient> {
  const opener = OPENERS[capability.protocol.split('/')[0] ?? ''];
  if (opener === undefined) {
    throw new HudError('CAPABILITY_NOT_FOUND', `No client for ${capability.protocol} (capability '${capability.name}').`, {
      hint: `Read its address with client.binding('${capability.name}') and use a library of your own.`,
    });
  }
  return await opener(capability);
}
