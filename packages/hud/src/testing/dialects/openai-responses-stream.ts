/** A finished Responses answer, taken apart into the events that would have built it. */
import type { JsonObject } from '../../protocol/index.ts';
import { objectsIn, stringIn } from './conversation.ts';
import { sse } from './dialect.ts';
import { pieces } from './turn.ts';

export type OutputItem = JsonObject & { type: string; id: string };

interface Event extends JsonObject {
  type: string;
}

export function streamResponse(response: JsonObject): string[] {
  const opening = { ...response, status: 'in_progress', incomplete_details: null, output: [], usage: null };
  const events: Event[] = [
    { type: 'response.created', response: opening },
    { type: 'response.in_progress', response: opening },
    ...(response['output'] as OutputItem[]).flatMap(itemEvents),
    { type: `response.${String(response['status'])}`, response },
  ];
  return events.map(({ type, ...fields }, index) => sse({ type, sequence_number: index, ...fields }, type));
}

function itemEvents(item: OutputItem, index: number): Event[] {
  const place = { output_index: index };
  const inside = { ...place, item_id: item.id };
  return [
    { type: 'response.output_item.added', ...place, item: emptied(item) },
    ...contentEvents(item).map((event) => ({ ...event, ...inside })),
    { type: 'response.output_item.done', ...place, item },
  ];
}

function emptied(item: OutputItem): OutputItem {
  switch (item.type) {
    case 'reasoning':
      return { ...item, summary: [] };
    case 'message':
      return { ...item, status: 'in_progress', content: [] };
    case 'function_call':
      return { ...item, status: 'in_progress', arguments: '' };
    default:
      return { ...item, status: 'in_progress' };
  }
}

function contentEvents(item: OutputItem): Event[] {
  switch (item.type) {
    case 'reasoning':
      return objectsIn(item['summary']).flatMap(summaryEvents);
    case 'message':
      return objectsIn(item['content']).flatMap(partEvents);
    case 'function_call': {
      const type = 'response.function_call_arguments';
      const whole = stringIn(item['arguments']);
      return [
        ...pieces(whole).map((delta) => ({ type: `${type}.delta`, delta })),
        { type: `${type}.done`, name: item['name'], arguments: whole },
      ];
    }
    default:
      return [];
  }
}

function summaryEvents(part: JsonObject, index: number): Event[] {
  const type = 'response.reasoning_summary';
  const place = { summary_index: index };
  const text = stringIn(part['text']);
  return [
    { type: `${type}_part.added`, ...place, part: { ...part, text: '' } },
    ...pieces(text).map((delta) => ({ type: `${type}_text.delta`, ...place, delta })),
    { type: `${type}_text.done`, ...place, text },
    { type: `${type}_part.done`, ...place, part },
  ];
}

function partEvents(part: JsonObject, index: number): Event[] {
  const place = { content_index: index };
  const isRefusal = part['type'] === 'refusal';
  const type = isRefusal ? 'response.refusal' : 'response.output_text';
  const whole = stringIn(isRefusal ? part['refusal'] : part['text']);
  const logprobs = isRefusal ? {} : { logprobs: [] };
  return [
    {
      type: 'response.content_part.added',
      ...place,
      part: isRefusal ? { ...part, refusal: '' } : { ...part, text: '', annotations: [] },
    },
    ...pieces(whole).map((delta) => ({ type: `${type}.delta`, ...place, delta, ...logprobs })),
    ...objectsIn(part['annotations']).map((annotation, position) => ({
      type: `${type}.annotation.added`,
      ...place,
      annotation_index: position,
      annotation,
    })),
    { type: `${type}.done`, ...place, ...(isRefusal ? { refusal: whole } : { text: whole }), ...logprobs },
    { type: 'response.content_part.done', ...place, part },
  ];
}
