export { tasks } from './env.ts';
