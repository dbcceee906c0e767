/** Checkpoints of a model by id or by name, and how they stand to each other in its tree. */
import type { Checkpoint, Model } from '../protocol/api/models.ts';
import { hexId } from '../protocol/api/route.ts';
import { HudError } from '../protocol/errors.ts';

/** The newest one where a name was given twice. @throws HudError PLATFORM_NOT_FOUND */
export function findCheckpoint(nodes: readonly Checkpoint[], reference: string, { modelName }: Model): Checkpoint {
  const id = hexId(reference);
  const found = nodes.find((node) => (id === undefined ? node.id === reference : hexId(node.id) === id));
  const chosen = found ?? nodes.findLast(({ name }) => name === reference);
  if (chosen !== undefined) return chosen;
  throw new HudError('PLATFORM_NOT_FOUND', `${modelName} has no checkpoint '${reference}'.`, {
    hint: `\`hud models checkpoints ${modelName}\` lists them.`,
  });
}

/** What can be done with a checkpoint, as far as the platform says it. */
export function keptOf({ checkpointName, hasState, isPinned }: Checkpoint): string {
  const kept = checkpointName === null ? 'not kept' : hasState === false ? 'to sample' : hasState === true ? 'to train' : 'to sample';
  return isPinned === true ? `${kept}, pinned` : kept;
}

export interface Way {
  /** The last one on the ways to both; undefined: they share base weights alone. */
  common: Checkpoint | undefined;
  /** Steps from there. */
  toFirst: number;
  toSecond: number;
}

/** @param nodes all of the model */
export function wayBetween(nodes: readonly Checkpoint[], first: Checkpoint, second: Checkpoint): Way {
  const [ofFirst, ofSecond] = [wayTo(nodes, first), wayTo(nodes, second)];
  const toFirst = ofFirst.findIndex((node) => ofSecond.includes(node));
  if (toFirst === -1) return { common: undefined, toFirst: ofFirst.length, toSecond: ofSecond.length };
  const common = ofFirst[toFirst];
  return { common, toFirst, toSecond: ofSecond.findIndex((node) => node === common) };
}

/** From itself to the first of its line. */
function wayTo(nodes: readonly Checkpoint[], from: Checkpoint): Checkpoint[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const way: Checkpoint[] = [];
  for (
    let node: Checkpoint | undefined = from;
    node !== undefined && !way.includes(node);
    node = byId.get(node.prevModelCheckpointId ?? '')
  )
    way.push(node);
  return way;
}
