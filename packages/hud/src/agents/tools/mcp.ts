/** MCP tools as tools of the agent: one function each, under a name that every model API takes. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { McpCallOptions, McpClient } from '../../capabilities/mcp.ts';
import { HudError } from '../../protocol/errors.ts';
import type { AgentTool } from './tool.ts';

const MAX_NAME = 64;

/** @throws HudError CAPABILITY_FAILED when two tools end up with one name */
export async function mcpTools(clients: readonly McpClient[], options: Pick<McpCallOptions, 'patienceMs'> = {}): Promise<AgentTool[]> {
  const lists = await Promise.all(clients.map(async (client) => ({ client, listed: await client.listTools() })));
  const tools = lists.flatMap(({ client, listed }) =>
    listed.map(({ name, description, inputSchema }): AgentTool => {
      const shown = toolName(clients.length > 1 ? `${client.capability.name}__${name}` : name);
      return {
        name: shown,
        description: description ?? `Call ${name}`,
        inputSchema,
        // The loop's own limit decides how long, and says so to the model.
        execute: async (args, { signal }) => await client.callTool(name, args, { ...options, signal, timeoutMs: Infinity }),
      };
    }),
  );
  const clash = tools.find((tool, i) => tools.findIndex((other) => other.name === tool.name) !== i);
  if (clash !== undefined) {
    throw new HudError('CAPABILITY_FAILED', `Two MCP tools are both called '${clash.name}'.`, { hint: 'Rename one on its server.' });
  }
  return tools;
}

/** What every model API takes: `[A-Za-z0-9_-]`, at most 64; a changed name ends in a digest of the original. */
export function toolName(original: string): string {
  const cleaned = original.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+|_+$/g, '') || 'tool';
  if (cleaned === original && cleaned.length <= MAX_NAME) return cleaned;
  const digest = bytesToHex(sha256(utf8ToBytes(original))).slice(0, 8);
  return `${cleaned.slice(0, MAX_NAME - digest.length - 1)}_${digest}`;
}
