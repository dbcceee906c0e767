/** Models of the platform by id, by what requests say, or by name. */
import type { PlatformClient } from '../api-client/index.ts';
import { list, type Model } from '../protocol/api/models.ts';
import { hexId } from '../protocol/api/route.ts';
import { HudError } from '../protocol/errors.ts';
import { nearest } from '../protocol/nearest.ts';

/** Sorted by name. */
export async function allModels(client: PlatformClient): Promise<Model[]> {
  const items: Model[] = [];
  for (;;) {
    const page = await client.call(list, { query: { offset: items.length } });
    items.push(...page.items);
    if (items.length >= page.total || page.items.length === 0) break;
  }
  return items.toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
}

/** @throws HudError PLATFORM_NOT_FOUND with the nearest name */
export async function findModel(client: PlatformClient, reference: string): Promise<Model> {
  const models = await allModels(client);
  const id = hexId(reference);
  const found =
    models.find((model) => (id === undefined ? model.modelName === reference : hexId(model.id) === id)) ??
    models.find(({ name }) => name === reference);
  if (found !== undefined) return found;
  const near = nearest(
    reference,
    models.map(({ modelName }) => modelName),
  );
  throw new HudError('PLATFORM_NOT_FOUND', `The platform has no model '${reference}'.`, {
    hint: near === undefined ? '`hud models list` shows those there are.' : `Did you mean ${near}?`,
  });
}
