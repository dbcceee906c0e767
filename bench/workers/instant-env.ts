/** An environment that yields a prompt, then 1.0: what remains is the framework. */
import { Environment } from 'hud';

export function instantEnvironment(): Environment {
  const env = new Environment('instant', { version: '1.0.0' });
  env.template({ id: 'go', description: 'nothing to do' }, async function* () {
    yield 'Say anything.';
    yield 1.0;
  });
  return env;
}

/** For whoever loads this file as an environment's source. */
export const env = instantEnvironment();
