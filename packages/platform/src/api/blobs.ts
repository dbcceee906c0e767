/** Bytes by their SHA-256: for the team that sent them, and for nobody else. */
import { createHash } from 'node:crypto';
import { api } from 'hud/protocol';
import type { Context } from '../context.ts';
import { Fault, absent } from '../fault.ts';
import { claimBlobs, claimedOf, findClaim } from '../storage/blobs/claims.ts';
import type { Router } from './bind.ts';

/** What a browser may show on the platform's own pages: formats that carry no script. */
const SHOWN = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/bmp',
  'audio/mpeg',
  'audio/wav',
  'video/mp4',
  'video/webm',
]);
const MEDIA_TYPE = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const MIB = 1_048_576;

export function addBlobRoutes(router: Router, { config, db, blobs, now }: Context): void {
  router.on(api.ingest.putBlob, async ({ params: { sha256 }, caller, request, readBytes }) => {
    if (!SHA256.test(sha256)) throw new Fault(400, 'A blob is named by its SHA-256, 64 hex digits in lower case.');
    const bytes = await readBytes(config.HUD_PLATFORM_MAX_UPLOAD_MB * MIB);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new Fault(400, `These ${bytes.length} bytes have another SHA-256 than ${sha256}. Send them again.`);
    }
    await blobs.write(sha256, bytes);
    await claimBlobs(db, caller.teamId, [{ sha256, mediaType: mediaTypeOf(request), sizeBytes: bytes.length }], now());
    return { sha256, bytes: bytes.length };
  });
  router.on(api.ingest.missingBlobs, async ({ body, caller }) => {
    const claimed = await claimedOf(db, caller.teamId, body.sha256);
    return { missing: body.sha256.filter((sha256) => !claimed.has(sha256)) };
  });
  router.on(api.ingest.getBlob, async ({ params: { sha256 }, caller, request }) => {
    const claim = SHA256.test(sha256) ? await findClaim(db, caller.teamId, sha256) : undefined;
    if (claim === undefined) throw absent(`blob ${sha256}`);
    if (request.headers.get('if-none-match') === `"${sha256}"`)
      return new Response(null, { status: 304, headers: headersOf(claim.mediaType, sha256) });
    const bytes = await blobs.get(sha256);
    if (bytes === undefined) throw absent(`blob ${sha256}`);
    return new Response(new Uint8Array(bytes), { headers: headersOf(claim.mediaType, sha256) });
  });
}

/** Whoever sent it said what it is; a browser believes it only of pictures and sound, and runs nothing. */
function headersOf(mediaType: string, sha256: string): Record<string, string> {
  const [plain = ''] = mediaType.toLowerCase().split(';');
  const isShown = SHOWN.has(plain);
  return {
    'content-type': isShown ? plain : 'application/octet-stream',
    'content-disposition': isShown ? 'inline' : `attachment; filename="${sha256.slice(0, 16)}"`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'private, max-age=31536000, immutable',
    etag: `"${sha256}"`,
  };
}

function mediaTypeOf(request: Request): string {
  const [given = ''] = (request.headers.get('content-type') ?? '').split(';');
  return MEDIA_TYPE.test(given.trim()) ? given.trim().toLowerCase() : 'application/octet-stream';
}
