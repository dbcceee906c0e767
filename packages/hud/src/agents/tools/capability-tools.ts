/** The tools that a run's environment gives an agent, out of the capabilities it offers. */
import { McpClient } from '../../capabilities/mcp.ts';
import type { Run } from '../../client/run.ts';
import { mcpTools } from './mcp.ts';
import type { AgentTool } from './tool.ts';

/** All MCP servers, in the order of the manifest; names are qualified only where there are several. */
export async function capabilityTools(run: Run, { toolPatienceSeconds }: { toolPatienceSeconds?: number } = {}): Promise<AgentTool[]> {
  const servers = run.client.manifest.filter((capability) => capability.protocol.startsWith('mcp/'));
  const clients = await Promise.all(
    servers.map(async ({ name }) => {
      const client = await run.client.open(name);
      return client instanceof McpClient ? client : undefined;
    }),
  );
  return await mcpTools(
    clients.filter((client) => client !== undefined),
    toolPatienceSeconds === undefined ? {} : { patienceMs: toolPatienceSeconds * 1000 },
  );
}
