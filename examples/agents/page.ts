/** An agent of your own over `cdp`: it reads the page's text and answers with JavaScript to run on it. */
import { setTimeout } from 'node:timers/promises';
import { defineAgent } from 'hud';
import OpenAI from 'openai';

const RULES = `You see the HTML of a page. Reply with JavaScript to run on it, nothing else. When the task is done, reply DONE.`;

export const agent = defineAgent(async (rollout, { signal }) => {
  const browser = await rollout.client.open('cdp');
  const evaluate = async (expression: string): Promise<unknown> => {
    const asked = { expression, awaitPromise: true, replMode: true, returnByValue: true };
    const { result, exceptionDetails } = await browser.send('Runtime.evaluate', asked, { signal });
    if (exceptionDetails) throw new Error((exceptionDetails as { exception?: { description?: string } }).exception?.description);
    return (result as { value?: unknown }).value;
  };
  const model = new OpenAI();
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'system', content: RULES },
    { role: 'user', content: rollout.promptText },
  ];
  for (let turn = 0; turn < 30; turn++) {
    const html = String(await evaluate('document.body.outerHTML')).slice(0, 40_000);
    messages.push({ role: 'user', content: `${String(await evaluate('location.href'))}\n${html}` });
    const reply = await model.chat.completions.create({ model: 'gpt-5.6', messages }, { signal });
    const said = reply.choices[0]?.message.content ?? 'DONE';
    messages.push({ role: 'assistant', content: said });
    rollout.record({ source: 'agent', content: said, model: reply.model });
    if (said.trim() === 'DONE') break;
    await evaluate(said).catch((error: unknown) => messages.push({ role: 'user', content: `That failed: ${String(error)}` }));
    await setTimeout(500, undefined, { signal }); // it may lead to another page
  }
  rollout.trace.content = 'Done.';
});
