/** Pictures and files of a step as links, and its text. */
import type { api, JsonObject } from 'hud/protocol';
import { readReference, unquoteText } from 'hud/store';

type Artifact = api.traces.Artifact;

/** @param url of the platform */
export function artifactsOf(blocks: readonly JsonObject[], url: string): Artifact[] {
  return blocks.flatMap((block) => artifactOf(block, url) ?? []);
}

/** @returns undefined for text */
function artifactOf(block: JsonObject, url: string): Artifact | undefined {
  const resource = typeof block.resource === 'object' && block.resource !== null ? (block.resource as JsonObject) : {};
  const type = String(block.type);
  if (type === 'resource_link' && typeof block.uri === 'string') return { type, url: block.uri, ...mimeType(block) };
  const data = typeof block.data === 'string' ? block.data : resource.blob;
  if (typeof data !== 'string') return undefined;
  const declared = typeof block.data === 'string' ? block : resource;
  const reference = readReference(data);
  if (reference !== undefined) {
    const { sha256, bytes, mediaType } = reference;
    return { type, mimeType: mediaType, sizeBytes: bytes, sha256, url: `${url}/v2/blobs/${sha256}` };
  }
  const own = mimeType(declared);
  const link = data.startsWith('data:') ? data : `data:${own.mimeType ?? 'application/octet-stream'};base64,${data}`;
  return { type, ...own, sizeBytes: Math.floor((data.length * 3) / 4), url: link };
}

function mimeType(block: JsonObject): Pick<Artifact, 'mimeType'> {
  const type = block.mimeType ?? block.mime_type ?? block.media_type;
  return typeof type === 'string' ? { mimeType: type } : {};
}

export function textOfBlocks(blocks: readonly JsonObject[], separator: string): string {
  const texts = blocks.map((block) => {
    if (typeof block.text === 'string') return block.text;
    const { resource } = block;
    return typeof resource === 'object' && resource !== null ? (resource as JsonObject).text : undefined;
  });
  return texts
    .filter((text) => typeof text === 'string' && text !== '')
    .map((text) => plainText(String(text)))
    .join(separator);
}

/** Text that only looks like a reference to a blob is kept quoted. */
export function plainText(text: string): string {
  return unquoteText(text);
}
