/** How many times does a letter occur in a word? One environment, one template, three tasks. */
import { Environment } from 'hud';
import { z } from 'zod';

export const env = new Environment('letter-count');

const Args = z.object({ word: z.string().default('strawberry'), letter: z.string().default('r') });

const occurrences = (word: string, letter: string): string => String(word.split(letter).length - 1);

/** Calling it makes a task; running a task goes from the first `yield` (the prompt) to the second (the reward). */
export const countLetter = env.template(
  { id: 'count_letter', args: Args, solution: ({ word, letter }) => occurrences(word, letter) },
  async function* ({ word, letter }) {
    const answer = yield `How many '${letter}'s are in '${word}'? Reply with just the number.`;
    yield answer?.includes(occurrences(word, letter)) ? 1 : 0;
  },
);

export const tasks = ['strawberry', 'raspberry', 'blueberry'].map((word) => countLetter({ word }));
