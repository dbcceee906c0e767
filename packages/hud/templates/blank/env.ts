import { Environment } from 'hud';
import { z } from 'zod';

export const env = new Environment('{{environment}}');

function occurrences(sentence: string, letter: string): number {
  return [...sentence.toLowerCase()].filter((char) => char === letter.toLowerCase()).length;
}

/** Yield a prompt, receive the answer, yield a reward. Calling `count(…)` makes a task of it. */
export const count = env.template(
  {
    id: 'count',
    description: 'Count a letter in a sentence',
    args: z.object({ sentence: z.string(), letter: z.string().length(1) }),
    // What the agent `oracle` answers. A task that its own solution does not solve is broken.
    solution: ({ sentence, letter }) => String(occurrences(sentence, letter)),
  },
  async function* ({ sentence, letter }) {
    const answer = yield `How often does "${letter}" occur in the sentence below, in either case? Answer with digits only.\n\n${sentence}`;
    yield (answer ?? '').trim() === String(occurrences(sentence, letter)) ? 1 : 0;
  },
);
