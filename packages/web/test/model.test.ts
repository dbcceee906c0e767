/** The page of a model in a real browser, while it is trained on an engine whose gradients are exact. */
import { randomUUID } from 'node:crypto';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADAM, batch, trained, type Model, type Trained } from '../../platform/test/training.fixtures.ts';
import { settled, signIn, startChromium, watch, withoutChromium } from './browser.fixtures.ts';

const MINUTE = 60_000;

describe.skipIf(withoutChromium)('the page of a model', () => {
  let on: Trained;
  let browser: Browser;
  beforeAll(async () => {
    [on, browser] = await Promise.all([trained(), startChromium()]);
  }, MINUTE);
  afterAll(async () => {
    await browser?.close();
    await on?.[Symbol.asyncDispose]();
  });

  async function step(model: Model, inputs: readonly (string | object)[]): Promise<string> {
    expect((await model.train('forward-backward', { inputs, group_size: 2 })).status).toBe(200);
    return ((await model.train('optim-step', ADAM)).json as { checkpoint_id: string }).checkpoint_id;
  }

  async function run(model: Model, reward: number): Promise<string> {
    const id = randomUUID().replaceAll('-', '');
    const body = { model: model.name, messages: [{ role: 'user', content: 'hé' }], max_tokens: 4 };
    await on.call('POST', '/gateway/chat/completions', body, { 'trace-id': id });
    await on.call('POST', `/v2/trace/${id}/enter`, {});
    await on.call('POST', `/v2/trace/${id}/exit`, { status: 'completed', reward });
    return id;
  }

  test(
    'grows while it is trained, says what fed a step, and asks two checkpoints the same',
    async () => {
      const model = await on.fork('growing');
      const cookie = await signIn(on.platform.url, on.key);
      const viewport = { width: 1440, height: 900 };
      const { page, faults, close } = await watch(browser, { own: [on.platform.url], cookie, viewport });
      await page.goto(`${on.platform.url}/models/${model.id}`);
      await page.getByText('hud train tasks.ts --model growing').waitFor();

      const runs = [await run(model, 1), await run(model, 0)];
      const first = await step(model, runs);
      await page.getByText('training goes on').waitFor();
      await step(model, [...batch(1, 0), ...batch(0.5, 0.5)]);
      await page.getByRole('row', { name: /step-2/ }).waitFor();
      await page.getByText('1 group had no spread').waitFor();
      expect(await page.getByText('no spread', { exact: true }).count()).toBe(1);

      await page.getByRole('heading', { name: 'Which tasks still teach' }).waitFor();
      await page.getByRole('img', { name: /Groups with a spread, step by step: 1 of 1/ }).waitFor();

      // Back to the first, and on from there: two branches.
      await on.call('PUT', `/v2/models/${model.id}/head`, { checkpoint_id: first });
      await step(model, batch(0, 1));
      await page.getByRole('row', { name: /step-3 active/ }).waitFor();
      expect(await page.locator('[data-checkpoint]').count()).toBe(3);

      // What is looked at has an address, and each cell leads to its run.
      await page.getByRole('link', { name: 'step-1' }).click();
      await page.locator(`a[href="/trace/${runs[0]}"]`).waitFor();
      expect(new URL(page.url()).searchParams.get('at')).toBe(first);
      await page.reload();
      await settled(page);
      await page.locator('[data-at="0.0"]').focus();
      await page.keyboard.press('ArrowRight');
      expect(await page.locator(':focus').getAttribute('href')).toBe(`/trace/${runs[1]}`);
      expect(await page.locator(':focus').getAttribute('aria-label')).toContain('reward 0.00, advantage −0.50');

      await page.getByRole('button', { name: 'Ask it and base weights' }).click();
      await page.getByLabel('Prompt').fill('hé');
      await page.keyboard.press('Control+Enter');
      const answers = page.getByRole('article');
      await expect
        .poll(async () => (await answers.allInnerTexts()).filter((text) => text.includes('after a prompt of 6 tokens')))
        .toHaveLength(2);
      expect(new URL(page.url()).searchParams.get('with')).toBe('base');

      await page.getByLabel('Select step-3').check();
      await page.getByRole('heading', { name: /step-1 beside step-3/ }).waitFor();
      expect(await barriersOf(page)).toEqual([]);

      // Back once more, by hand: it asks first, and no checkpoint is lost.
      await page.getByRole('link', { name: 'step-2' }).click();
      await page.getByRole('button', { name: 'Make active' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Make it active' }).click();
      await page.getByRole('row', { name: /step-2 active/ }).waitFor();
      expect(await page.locator('[data-checkpoint]').count()).toBe(3);
      for (const width of [390, 820]) {
        await page.setViewportSize({ width, height: 844 });
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        expect(wide, `wider than ${width} pixels`).toBe(0);
      }
      await close();
      expect(faults).toEqual([]);
    },
    MINUTE,
  );
});

/** Barriers that axe calls serious or worse, by rule. */
async function barriersOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id} ${nodes[0]?.html ?? ''}`);
}
