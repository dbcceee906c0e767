/** Content as Anthropic's messages take it. */
import type Anthropic from '@anthropic-ai/sdk';
import { isPlainObject } from '../protocol/json.ts';
import type { ContentBlock } from '../protocol/trace.ts';

export type SentBlock = Anthropic.TextBlockParam | Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam;

const IMAGES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const PDF = 'application/pdf';

export function blockOf(block: ContentBlock): SentBlock {
  const { type, data, mimeType = 'image/png' } = block;
  if (type === 'image' && data !== undefined && IMAGES.has(mimeType)) {
    return { type: 'image', source: { type: 'base64', media_type: mimeType as Anthropic.Base64ImageSource['media_type'], data } };
  }
  const resource = isPlainObject(block.resource) ? block.resource : {};
  if (resource.mimeType === PDF && typeof resource.blob === 'string') {
    return { type: 'document', source: { type: 'base64', media_type: PDF, data: resource.blob } };
  }
  return { type: 'text', text: textOf(block, resource) || describe(block) };
}

/** Texts and PDFs of a result once more, in the only shape that the model can cite. */
export function citableDocuments(blocks: readonly ContentBlock[], title: string): Anthropic.DocumentBlockParam[] {
  return blocks.map(blockOf).flatMap((sent, i): Anthropic.DocumentBlockParam[] => {
    const citable = { title, citations: { enabled: true } };
    if (sent.type === 'document') return [{ ...sent, ...citable }];
    if (sent.type !== 'text' || sent.text === describe(blocks[i] ?? { type: 'text' })) return [];
    return [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: sent.text }, ...citable }];
  });
}

function textOf(block: ContentBlock, resource: Record<string, unknown>): string {
  if (block.type === 'text') return block.text ?? '';
  if (block.type === 'resource') return typeof resource.text === 'string' ? resource.text : '';
  return typeof block.uri === 'string' ? `(${block.type}: ${block.uri})` : '';
}

/** The API refuses empty texts and knows no other kinds; a name says that something was there. */
function describe(block: ContentBlock): string {
  return block.type === 'text' ? '(empty)' : `(${block.type})`;
}
