/**
 * A small web shop, served by the environment itself, and a browser that reaches nothing else. The agent shops by
 * clicking; the grade compares the shop's database with what it should hold now, whatever the agent says it did.
 */
import { isDeepStrictEqual } from 'node:util';
import { Environment } from 'hud';
import { z } from 'zod';
import { GOALS } from './goals.ts';
import { Shop } from './shop.ts';

export const env = new Environment('web-shop');

const shop = new Shop();
env.initialize(() => shop.start());
const browser = env.chromium({ url: () => shop.url });
env.shutdown(() => shop.stop());

/** 1 when the database is exactly as it should be, nothing else bought or changed; else 0. */
export const shopping = env.template(
  {
    id: 'shopping',
    args: z.object({ goal: z.enum(Object.keys(GOALS)) }),
    async solution({ goal }) {
      for (const [path, form] of GOALS[goal]!.steps) await shop.post(path, form);
      return 'Done.';
    },
  },
  async function* ({ goal }) {
    const { request, expected } = GOALS[goal]!;
    shop.reset();
    await browser.fresh();
    yield `${request}\n\nYou are signed in at the shop that the browser shows, ${shop.url}.`;
    yield isDeepStrictEqual(shop.orders(), expected) && shop.isCatalogueUntouched() ? 1 : 0;
  },
);

export const tasks = Object.keys(GOALS).map((goal) => shopping({ goal }));
