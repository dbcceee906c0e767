/** Tools that a vendor runs itself: which of those that were asked for a model is told of. */
import type { JsonObject } from '../protocol/json.ts';

/** From here on functions are found by search, where there is one, in place of being listed. */
const LISTED_FUNCTIONS = 10;

export interface Hosted {
  tools: readonly JsonObject[];
  /** Functions are marked to be loaded when the model has found them. */
  isDeferring: boolean;
}

/** A search among few functions only costs turns, so it is offered when there are more than ten. */
export function hostedTools(asked: readonly JsonObject[] = [], functions: number): Hosted {
  const isDeferring = functions > LISTED_FUNCTIONS && asked.some(isSearch);
  return { tools: isDeferring ? asked : asked.filter((tool) => !isSearch(tool)), isDeferring };
}

function isSearch({ type }: JsonObject): boolean {
  return typeof type === 'string' && type.startsWith('tool_search');
}
