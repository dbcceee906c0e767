/** An agent of your own over `ssh`: a model, one tool, a loop. `hud eval examples/coding/tasks.ts --agent-module examples/agents/shell.ts` */
import { defineAgent } from 'hud';
import OpenAI from 'openai';

const run: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'run',
    description: 'Runs a command in bash.',
    parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
  },
};

export const agent = defineAgent(async (rollout, { signal }) => {
  const shell = await rollout.client.open('ssh');
  const model = new OpenAI();
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: rollout.promptText }];
  for (let turn = 0; turn < 20; turn++) {
    const reply = await model.chat.completions.create({ model: 'gpt-5.6', messages, tools: [run] }, { signal });
    const said = reply.choices[0]!.message;
    messages.push(said);
    rollout.record({ source: 'agent', content: said.content, model: reply.model });
    rollout.trace.content = said.content ?? '';
    if (!said.tool_calls?.length) break;
    for (const call of said.tool_calls) {
      if (call.type !== 'function') continue;
      const { stdout, stderr, exitCode } = await shell.exec(JSON.parse(call.function.arguments).command, { signal, timeoutMs: 60_000 });
      messages.push({ role: 'tool', tool_call_id: call.id, content: `${stdout}${stderr}(exit ${exitCode})` });
    }
  }
});
