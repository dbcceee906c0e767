/** Reads server-sent events. */

export interface ServerSentEvent {
  event: string;
  id?: string;
  data: string;
}

/** Until the stream ends; what stands after its last blank line is no event. */
export async function* eventsIn(response: Response): AsyncGenerator<ServerSentEvent> {
  if (response.body === null) return;
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const from = Math.max(0, text.length - 3); // what came before was searched already
    text += part;
    if (!/\n\r?\n/.test(text.slice(from))) continue;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = readBlock(block);
      if (event !== undefined) yield event;
    }
  }
}

/** @returns undefined for a comment, which is a sign of life */
function readBlock(block: string): ServerSentEvent | undefined {
  const read: ServerSentEvent = { event: 'message', data: '' };
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
    if (field === 'event') read.event = value;
    else if (field === 'id') read.id = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { ...read, data: data.join('\n') };
}
