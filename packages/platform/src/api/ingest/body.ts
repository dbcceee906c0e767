/** The bytes of a request as they come, out of whatever encoding, within limits. */
import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress, type Gunzip, type Inflate, type ZstdDecompress } from 'node:zlib';
import { Fault } from '../../fault.ts';

type Decoder = Gunzip | Inflate | ZstdDecompress;

const DECODERS: Readonly<Record<string, () => Decoder>> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  zstd: () => createZstdDecompress(),
};

/** What may come out of few bytes in any case. */
const INFLATED_FREELY = 33_554_432;

interface DecodingOptions {
  /** How many bytes may come out of each, where a body holds nothing that packs better. @default as many as there are */
  mostInflated?: number;
  /** The request as Node has it: its bytes come without the copy that `Request` makes of each part. */
  incoming?: IncomingMessage | undefined;
}

/**
 * @param most bytes, of the body and of what it decodes to, counted while that happens
 * @throws Fault 413 as soon as there is more, 415 for an encoding that is not known, 400 for one that is broken
 */
export async function* readDecoded(
  request: Request,
  most: number,
  { mostInflated = Infinity, incoming }: DecodingOptions = {},
): AsyncGenerator<Uint8Array> {
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  const decode = encoding === 'identity' || encoding === '' ? undefined : DECODERS[encoding];
  if (decode === undefined && encoding !== 'identity' && encoding !== '') {
    throw new Fault(415, `The body is encoded as ${encoding.slice(0, 40)}; gzip, deflate and zstd are known.`);
  }
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  const decoder = decode?.();
  let size = 0;
  for await (const chunk of decoder === undefined ? plain(request, incoming) : decoded(request.body, decoder)) {
    size += chunk.length;
    if (size > most) throw tooLarge(most);
    if (size > INFLATED_FREELY && size > mostInflated * (decoder?.bytesWritten ?? size))
      throw new Fault(413, `The body inflates to more than ${mostInflated} times its size. Send it as it is, or in parts.`);
    yield chunk;
  }
}

async function* plain(request: Request, incoming: IncomingMessage | undefined): AsyncGenerator<Uint8Array> {
  // What reads it may leave before the end: the connection is still needed for the answer.
  const parts = incoming?.iterator({ destroyOnReturn: false }) ?? request.body ?? [];
  try {
    for await (const part of parts as AsyncIterable<Uint8Array>) yield part;
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ECONNRESET') throw cause;
    throw new Fault(400, 'The connection ended before the body did.', { cause });
  }
}

async function* decoded(body: ReadableStream<Uint8Array> | null, decoder: Decoder): AsyncGenerator<Uint8Array> {
  if (body === null) return;
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
