/** An agent of your own over `rfb` or `cdp`: it sees a picture, says where to click and what to type, and looks again. */
import { defineAgent, encodePng } from 'hud';
import OpenAI from 'openai';

const ACTIONS = `Reply with one JSON object: {"click": [x, y]}, {"type": "text"}, {"press": ["Control_L", "s"]} or {"done": "answer"}.`;

export const agent = defineAgent(async (rollout, { signal }) => {
  const family = rollout.client.manifest.some(({ protocol }) => protocol.startsWith('rfb/')) ? 'rfb' : 'cdp';
  const screen = await (await rollout.client.open(family)).screen();
  const model = new OpenAI();
  const { width, height } = screen.size();
  const input: OpenAI.Responses.ResponseInput = [{ role: 'developer', content: `The screen is ${width}×${height}. ${ACTIONS}` }];
  input.push({ role: 'user', content: rollout.promptText });
  for (let turn = 0; turn < 30; turn++) {
    const picture = Buffer.from(encodePng(await screen.frame({ signal }))).toString('base64');
    const seen = { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${picture}` } as const;
    const reply = await model.responses.create({ model: 'gpt-5.6', input: [...input, { role: 'user', content: [seen] }] }, { signal });
    rollout.record({ source: 'agent', content: reply.output_text, model: reply.model });
    input.push({ role: 'assistant', content: reply.output_text });
    const action = JSON.parse(reply.output_text) as { click?: [number, number]; type?: string; press?: string[]; done?: string };
    rollout.trace.content = action.done;
    if (action.done !== undefined) break;
    if (action.click) await screen.click({ x: action.click[0], y: action.click[1] }, { signal });
    if (action.type) await screen.type(action.type, { signal });
    if (action.press) await screen.press(action.press, { signal });
  }
});
