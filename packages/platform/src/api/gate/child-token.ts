/**
 * Keys of one trace: nothing of them is stored. `sk-hud-t.<payload>.<mac>`, where the payload names the key it was
 * made from, whose secret signs it; revoking that key ends it too.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { api } from 'hud/protocol';
import { z } from 'zod';

export interface ChildToken {
  /** The key it was made from. */
  parentId: string;
  /** 32 hex digits. */
  traceId: string;
  scopes: readonly api.Scope[];
  /** Undefined: any. */
  models: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

export interface SignedChildToken extends ChildToken {
  isSignedWith(signingSecret: string): boolean;
}

const PREFIX = 'sk-hud-t.';

/** Short names: it travels with each request. */
const Payload = z.object({
  k: z.string(),
  t: z.string().regex(/^[0-9a-f]{32}$/),
  s: z.array(z.enum(api.SCOPES)),
  m: z.array(z.string()).optional(),
  e: z.number(),
});

export function writeChildToken({ parentId, traceId, scopes, models, expiresAt }: ChildToken, signingSecret: string): string {
  const payload = JSON.stringify({ k: parentId, t: traceId, s: scopes, m: models, e: expiresAt });
  const signed = PREFIX + Buffer.from(payload).toString('base64url');
  return `${signed}.${macOf(signed, signingSecret).toString('base64url')}`;
}

/** @returns undefined for what is no such token; whoever reads it checks signature and time */
export function readChildToken(key: string): SignedChildToken | undefined {
  if (!isChildToken(key)) return undefined;
  const at = key.lastIndexOf('.');
  const signed = key.slice(0, at);
  const mac = Buffer.from(key.slice(at + 1), 'base64url');
  const parsed = Payload.safeParse(parseQuietly(Buffer.from(signed.slice(PREFIX.length), 'base64url').toString('utf8')));
  if (!parsed.success) return undefined;
  const { k, t, s, m, e } = parsed.data;
  return {
    parentId: k,
    traceId: t,
    scopes: s,
    models: m,
    expiresAt: e,
    isSignedWith: (signingSecret) => mac.length === MAC_BYTES && timingSafeEqual(mac, macOf(signed, signingSecret)),
  };
}

export function isChildToken(key: string): boolean {
  return key.startsWith(PREFIX);
}

const MAC_BYTES = 32;

function macOf(signed: string, signingSecret: string): Buffer {
  return createHmac('sha256', signingSecret).update(signed).digest();
}

/** Anybody may send anything as a key. */
function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
