/**
 * The program that a provider starts to serve one environment: `node serve-child.js <source> …`, as
 * `serve-source.ts` says. Loads that file with compiled code of earlier starts at hand, which saves
 * most of the time to the first `hello`.
 */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Not below the temporary directory, the default: a provider gives each child one of its own.
enableCompileCache(join(homedir(), '.hud', '.cache', 'compiled')); // where that can't be written, nothing is kept
await import('./serve-source.ts');
