/** From a capability's protocol id to a live client for it. */
import type { Capability } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';

export interface CapabilityClient {
  readonly capability: Capability;
  /** May be called twice. */
  close(): Promise<void>;
}

/** How each family of protocols is opened; the modules are loaded on use, because some bring large packages. */
const OPENERS: Record<string, (capability: Capability) => Promise<CapabilityClient>> = {
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
