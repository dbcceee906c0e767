/** A connection that an environment offers, as its manifest lists it. */
import * as z from 'zod/mini';
import './english.ts';

export const Capability = z.object({
  /** Unique within the environment. */
  name: z.string().check(z.minLength(1)),
  /** Exact protocol id: `ssh/2`, `mcp/2025-11-25`, `cdp/1.3`, `rfb/3.8`, `openpi/0`, `filetracking/1`; others are legal. */
  protocol: z.string().check(z.minLength(1)),
  /** The environment's own address, with an explicit port. */
  url: z.string().check(z.minLength(1)),
  /** Protocol-specific, may hold secrets; keys stay as the wire spells them. */
  params: z.pipe(
    z.nullish(z.record(z.string(), z.unknown())),
    z.transform((params) => params ?? {}),
  ),
});
export type Capability = z.infer<typeof Capability>;

/** Shape in which environment authors publish one; `params` may be left out. */
export type CapabilityInit = z.input<typeof Capability>;

export const PROTOCOLS = {
  ssh: 'ssh/2',
  mcp: 'mcp/2025-11-25',
  cdp: 'cdp/1.3',
  rfb: 'rfb/3.8',
  openpi: 'openpi/0',
  filetracking: 'filetracking/1',
} as const;

/** Does `ref` (a name, an exact protocol or a family such as `ssh`) mean this capability? */
export function matchesCapability(capability: Capability, ref: string): boolean {
  return capability.name === ref || capability.protocol === ref || capability.protocol.split('/')[0] === ref;
}
