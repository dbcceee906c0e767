import { resolve } from 'node:path';
import { openPlatform, type PlatformClient } from '../../api-client/index.ts';
import { loadEnvironment } from '../../environment/index.ts';
import { templateEntry } from '../../environment/template.ts';
import { get, list, register, type Environment, type Manifest } from '../../protocol/api/registry.ts';
import { hexId } from '../../protocol/api/route.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { normalizeEnvironmentName } from '../../protocol/ids.ts';
import { ask, confirm } from '../ask.ts';
import { defineCommand, type Context } from '../command.ts';
import { flag } from '../options.ts';
import { projectConfigPath, readProjectConfig, updateProjectConfig } from '../project-config.ts';
import { listed } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

export const syncEnv = defineCommand({
  arguments: {
    '[name]': "name or id in the registry (default: the folder's environment)",
    '[dir]': 'folder to link (default: the current directory)',
  },
  options: { yes: flag('-y, --yes', 'do not ask before another environment is linked') },
  notes: `Registers the environment that the folder declares, with its templates and their arguments, and links the
folder to it in .hud/config.json. The platform then holds the arguments of uploaded tasks against it.
A folder that declares none is linked to an environment of the registry.`,
  run: async ({ args: [name, dir], options }, context) => {
    const client = openPlatform();
    const directory = resolve(context.cwd, dir ?? '.');
    const own = await declaredIn(directory);
    const found = await environmentOf(client, name, own, context);
    const before = await readProjectConfig(directory, context);
    if (before.registryId !== undefined && hexId(before.registryId) !== hexId(found.id) && options.yes !== true) {
      const goesOn = await confirm(context, {
        question: `The folder is linked to ${before.registryName ?? before.registryId}. Link it to ${found.name}?`,
        otherwise: `The folder is linked to ${before.registryName ?? before.registryId}, and nobody can be asked whether that should change.`,
        hint: 'Add --yes.',
        standard: false,
      });
      if (!goesOn)
        return {
          json: { registryId: before.registryId, registryName: before.registryName, changed: false },
          text: () => ['Nothing was changed.'],
        };
    }
    const changed = await updateProjectConfig(directory, { registryId: found.id, registryName: found.name }, context);
    const version = found.latestBuild?.version;
    return {
      json: { registryId: found.id, registryName: found.name, changed, ...(version === undefined ? {} : { version }) },
      text: () => [
        `${found.name} ${version === undefined ? '(no manifest)' : `version ${version}`}  ${found.id}`,
        changed ? `Linked in ${projectConfigPath(dir ?? '.')}` : 'Linked already.',
      ],
    };
  },
});

interface Declared {
  name: string;
  manifest: Manifest;
}

/** Undefined for a folder that declares no environment; one that is broken is told. */
async function declaredIn(directory: string): Promise<Declared | undefined> {
  try {
    const environment = await loadEnvironment(directory);
    const tasks = environment.listTemplates().map((template) => {
      const { id, description, args, input, returns } = templateEntry(template);
      return { id, description, args, ...(input === undefined ? {} : { input }), ...(returns === undefined ? {} : { returns }) };
    });
    return { name: environment.name, manifest: { name: environment.name, version: environment.version, tasks } };
  } catch (error) {
    if (isHudError(error) && error.code === 'ENVIRONMENT_NOT_FOUND') return undefined;
    throw error;
  }
}

async function environmentOf(
  client: PlatformClient,
  name: string | undefined,
  own: Declared | undefined,
  context: Context,
): Promise<Environment> {
  if (name !== undefined && hexId(name) !== undefined) {
    const known = await client.call(get, { params: { id: name } });
    return own?.name === undefined || normalizeEnvironmentName(own.name) !== known.name ? known : await registered(client, known.name, own);
  }
  if (own !== undefined && (name === undefined || normalizeEnvironmentName(name) === normalizeEnvironmentName(own.name)))
    return await registered(client, own.name, own);
  if (name === undefined) return await picked(client, context);
  const known = await byName(client, name);
  if (own !== undefined) context.note(`The folder declares ${own.name}, which is another one: nothing of it was registered.`);
  return known;
}

async function registered(client: PlatformClient, name: string, { manifest }: Declared): Promise<Environment> {
  return await client.call(register, { body: { name, manifest } });
}

/** The exact name wins; a part of one counts when it is part of no other. */
async function byName(client: PlatformClient, name: string): Promise<Environment> {
  const { items } = await client.call(list, { query: { search: name, limit: 20 } });
  const exact = items.find((item) => item.name === normalizeEnvironmentName(name));
  const [only, ...others] = exact === undefined ? items : [exact];
  if (only === undefined)
    throw new HudError('PLATFORM_NOT_FOUND', `The registry has no environment '${name}'.`, {
      hint: 'Run this in the folder that declares it, without a name.',
    });
  if (others.length > 0)
    throw new HudError('BAD_ARGUMENT', `'${name}' is part of several names: ${listed(items.map((item) => item.name))}.`, {
      hint: 'Write one of them in full.',
    });
  return only;
}

async function picked(client: PlatformClient, context: Context): Promise<Environment> {
  const { items } = await client.call(list, { query: { limit: 10, sortBy: 'date' } });
  if (items.length === 0)
    throw new UsageError('The folder declares no environment, and the registry has none.', { hint: '`hud init` makes one to start from.' });
  const choice = await ask(context, {
    question: 'Which environment?',
    choices: items.map(({ name }) => name),
    otherwise: 'The folder declares no environment: name one of the registry.',
  });
  return items.find(({ name }) => name === choice) as Environment;
}
