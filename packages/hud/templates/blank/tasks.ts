import { count } from './env.ts';

export const tasks = [count({ sentence: 'Mississippi steamboat', letter: 's' }), count({ sentence: 'banana', letter: 'a' })];
