/** The bytes of a request as they come, out of whatever encoding, within limits. */
import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { Fault } from '../../fault.ts';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  zstd: () => createZstdDecompress(),
};

/**
 * @param most bytes, of the body and of what it decodes to, counted while that happens
 * @throws Fault 413 as soon as there is more, 415 for an encoding that is not known, 400 for one that is broken
 */
export async function* readDecoded(request: Request, most: number): AsyncGenerator<Uint8Array> {
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  const decoder = encoding === 'identity' || encoding === '' ? undefined : DECODERS[encoding];
  if (decoder === undefined && encoding !== 'identity' && encoding !== '') {
    throw new Fault(415, `The body is encoded as ${encoding.slice(0, 40)}; gzip, deflate and zstd are known.`);
  }
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  if (request.body === null) return;
  let size = 0;
  for await (const chunk of decoder === undefined ? (request.body as AsyncIterable<Uint8Array>) : decoded(request.body, decoder())) {
    size += chunk.length;
    if (size > most) throw tooLarge(most);
    yield chunk;
  }
}

async function* decoded(body: ReadableStream<Uint8Array>, decoder: Transform): AsyncGenerator<Uint8Array> {
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  const output = pipeline(source, decoder, () => {}); // a failure of either is thrown by the loop below
  try {
    for await (const chunk of output) yield chunk as Uint8Array;
  } catch (cause) {
    const { code = '' } = cause as { code?: string };
    if (/^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/.test(code)) throw new Fault(400, `The body's encoding is broken: ${code}.`, { cause });
    throw cause;
  } finally {
    source.destroy();
  }
}

function tooLarge(most: number): Fault {
  return new Fault(413, `The body is larger than ${Math.floor(most / 1_048_576)} MiB. Send it in parts.`);
}
