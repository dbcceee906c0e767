/** The agents of `examples/agents`, each in the example that it is written for, by the command line. */
import { setTimeout } from 'node:timers/promises';
import { scriptedModel, type ModelScript, type ModelTurn } from 'hud/testing';
import { describe, expect, test } from 'vitest';
import { evaluate, lacking } from './sessions/describe-example.ts';
import { after, call, say, scriptOf } from './sessions/session.ts';
import type { ExampleName } from './sessions/stage.ts';

/** What one agent's model says. */
interface Played {
  agent: string;
  example: ExampleName;
  needs: string[];
  script: ModelScript;
}

const post = (path: string, form: Record<string, string>): ModelTurn =>
  say(`await fetch('${path}', { method: 'POST', body: new URLSearchParams(${JSON.stringify(form)}) }); location.href = '/orders'`);

const PLAYED: Played[] = [
  {
    agent: 'shell',
    example: 'coding',
    needs: ['bwrap'],
    script: scriptOf({
      turns: [
        call('', 'run', { command: 'cat source/duration.js' }),
        after(/No such file[^]*\(exit 1\)/, call('', 'run', { command: 'ls; cat src/duration.js' })),
        after(
          /total - 2/,
          call('', 'run', { command: `sed -i "s/total - 2 .* : total;/-total : total;/" src/duration.js && node --test` }),
        ),
        after(/fail 0[^]*\(exit 0\)/, say('Fixed.')),
      ],
    }),
  },
  {
    agent: 'tools',
    example: 'tools',
    needs: [],
    script: scriptOf({
      turns: [
        call('', 'list_tickets', {}),
        after(/teapot/, call('', 'get_order', { order: 1042 })),
        after(/damaged/, call('', 'refund', { order: 1042, cents: 6390 })),
        after(/"refundedCents": 6390/, call('', 'close_ticket', { ticket: 1, answer: 'Refunded.' })),
        say('Done.'),
      ],
    }),
  },
  {
    agent: 'page',
    example: 'browser',
    needs: ['chromium'],
    script: scriptOf({
      turns: [
        after(/Kettle 1\.0 l/, say(`document.querySelector('#kettle').click()`)),
        after(/That failed: Error: TypeError/, say(`document.querySelector('a[href="/product/2"]').click()`)),
        after(/name="product" value="2"/, post('/cart', { product: '2', quantity: '3' })),
        post('/checkout', {
          name: 'Ada Byron',
          street: '12 St James Square',
          zip: 'SW1Y 4LB',
          city: 'London',
          country: 'United Kingdom',
        }),
        after(/3 × Kettle 1\.0 l/, say('DONE')),
      ],
    }),
  },
  {
    agent: 'screen',
    example: 'desktop',
    needs: ['Xtigervnc', 'openbox', 'xdotool', 'mousepad'],
    script: patient([
      { action: { click: [500, 500] } },
      { action: { type: 'Milk, bread, 12 eggs' } },
      { action: { press: ['Control_L', 'Shift_L', 's'] } },
      { sees: 'dialog', action: { type: 'shopping.txt' } },
      { afterMs: 500, action: { press: ['Return'] } },
      { sees: 'no dialog', action: { done: 'Saved.' } },
    ]),
  },
];

interface ScreenStep {
  sees?: 'dialog' | 'no dialog';
  afterMs?: number;
  action: Record<string, unknown>;
}

/** Knows a dialog by the size of the picture, which has more in it then. Until it sees what it waits for, it presses a key that does nothing. */
function patient(steps: readonly ScreenStep[]): ModelScript {
  let at = 0;
  let first = 0;
  return async ({ body }) => {
    const size = /data:image\/png;base64,([^"]+)/.exec(JSON.stringify(body))?.[1]?.length ?? 0;
    first ||= size;
    const { sees, afterMs = 300, action } = steps[at]!;
    await setTimeout(afterMs);
    const isReady = sees === undefined || sees === (size > 1.5 * first ? 'dialog' : 'no dialog');
    if (isReady) at += 1;
    return say(JSON.stringify(isReady ? action : { press: ['Control_L'] }));
  };
}

describe.each(PLAYED)('the agent $agent', ({ agent, example, needs, script }) => {
  const lack = lacking(needs);
  test.skipIf(lack === undefined ? false : lack)(
    `earns 1 in examples/${example}`,
    async () => {
      await using model = await scriptedModel(script);
      const runs = await evaluate([`examples/${example}/tasks.ts`, '--agent-module', `examples/agents/${agent}.ts`], {
        OPENAI_API_KEY: 'none',
        OPENAI_BASE_URL: model.baseUrls.openai,
        ANTHROPIC_API_KEY: 'none',
        ANTHROPIC_BASE_URL: model.baseUrls.anthropic,
      });
      expect(runs).toEqual([{ class: 'graded', reward: 1 }]);
    },
    60_000,
  );
});
