/** An environment that counts the tasks which are live in it. */
import { Environment } from 'hud';

export let live = 0;

export function waitingEnvironment(): Environment {
  const env = new Environment('waiting', { version: '1.0.0' });
  env.template({ id: 'go', description: 'nothing to do' }, async function* () {
    live += 1;
    try {
      yield 'Wait.';
      yield 1.0;
    } finally {
      live -= 1;
    }
  });
  return env;
}
