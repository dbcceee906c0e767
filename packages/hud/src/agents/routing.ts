/** From a name and the caller's settings to an agent type and complete settings: whose server, whose key. */
import { readSetting } from '../host/settings.ts';
import { HudError } from '../protocol/errors.ts';
import { resolveModel, type AgentType } from './catalogue.ts';
import type { ToolAgentConfig } from './config.ts';

/**
 * What the caller gives wins over the catalogue; what is undefined was not given.
 * @throws HudError AGENT_UNKNOWN with near names, BAD_CONFIG, MODEL_KEY_MISSING when the catalogue names a setting that nobody set
 */
export async function routeModel<C extends ToolAgentConfig>(
  name: string,
  settings: C,
  modelsFile?: string,
): Promise<{ type: AgentType; config: C }> {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as C;
  const { type, apiKeyVariable, via, ...found } = await resolveModel(name, modelsFile);
  const hasOwnServer = [given.apiKey, given.baseUrl, given.via, found.baseUrl].some((value) => value !== undefined);
  const config = {
    ...found,
    ...(via === undefined || hasOwnServer ? {} : { via }),
    ...(found.baseUrl === undefined ? {} : { apiKey: keyOf(name, apiKeyVariable) }),
    ...given,
  };
  return { type, config };
}

function keyOf(model: string, variable: string | undefined): string {
  if (variable === undefined) return 'none';
  const key = readSetting(variable);
  if (key !== undefined) return key;
  throw new HudError('MODEL_KEY_MISSING', `${model} needs a key: ${variable} is not set.`, {
    hint: `Run \`hud set ${variable}=…\`. Without any key, the agents oracle and nop work.`,
  });
}
