/** Environments whose agent has a network; one template, which counts how often it was begun and graded. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Environment } from '../../src/environment/index.ts';
import type { WorkspaceOptions } from '../../src/environment/workspace/workspace-options.ts';

export const proxied = declare('proxied', { network: true });
export const alone = declare('alone', {});
export const onHost = declare('on-host', { network: 'host' });

function declare(name: string, options: WorkspaceOptions): Environment {
  const environment = new Environment(name);
  environment.workspace(join(tmpdir(), `hud-control-${name}-${process.pid}`), options);
  let begun = 0;
  let graded = 0;
  environment.template({ id: 'guess' }, async function* () {
    begun += 1;
    const answer = yield 'Guess.';
    graded += 1;
    yield { score: answer === 'mine' ? 0.5 : 0, content: `begun ${begun}, graded ${graded}, answer ${String(answer)}` };
  });
  return environment;
}
