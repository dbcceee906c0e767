/** Every target of `npm run fuzz`; a target's module exports it under its name. */
import type { Target } from '../target.ts';
import { cli } from './cli.ts';
import { frames } from './frames.ts';
import { server } from './server.ts';
import { store } from './store.ts';
import { tasks } from './tasks.ts';

/** The slow ones first, so that none is left over at the end. */
export const TARGETS: readonly { target: Target; module: string }[] = [
  { target: frames, module: import.meta.resolve('./frames.ts') },
  { target: store, module: import.meta.resolve('./store.ts') },
  { target: cli, module: import.meta.resolve('./cli.ts') },
  { target: tasks, module: import.meta.resolve('./tasks.ts') },
  { target: server, module: import.meta.resolve('./server.ts') },
];
