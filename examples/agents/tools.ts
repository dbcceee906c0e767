/** An agent of your own over `mcp`: whatever tools the environment has, given to a model. */
import Anthropic from '@anthropic-ai/sdk';
import { defineAgent } from 'hud';

export const agent = defineAgent(async (rollout, { signal }) => {
  const server = await rollout.client.open('mcp');
  const tools = (await server.listTools()).map(({ name, description = '', inputSchema }) => ({
    name,
    description,
    input_schema: inputSchema as Anthropic.Tool.InputSchema,
  }));
  const model = new Anthropic();
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: rollout.promptText }];
  for (let turn = 0; turn < 20; turn++) {
    const reply = await model.messages.create({ model: 'claude-sonnet-4-6', max_tokens: 4_096, messages, tools }, { signal });
    messages.push({ role: 'assistant', content: reply.content });
    const text = reply.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    rollout.record({ source: 'agent', content: text, model: reply.model });
    rollout.trace.content = text;
    const results: Anthropic.ToolResultBlockParam[] = [];
    for (const block of reply.content) {
      if (block.type !== 'tool_use') continue;
      const { content, isError } = await server.callTool(block.name, block.input as Record<string, unknown>, { signal });
      results.push({
        type: 'tool_result',
        tool_use_id: block.id,
        is_error: isError,
        content: content.map(({ text = '' }) => text).join('\n'),
      });
    }
    if (results.length === 0) break;
    messages.push({ role: 'user', content: results });
  }
});
