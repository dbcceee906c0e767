/** How the process is, and what it can do. */
import { api } from 'hud/protocol';
import { sql } from 'kysely';
import type { Context } from '../context.ts';
import type { Router } from './bind.ts';
import { openApiDocument } from './openapi.ts';

/** Longest wait for the database and the blobs before the process calls itself not ready. */
const READY_MS = 3_000;

export function addHealthRoutes(router: Router, context: Context, version: string): void {
  router.on(api.health.health, async () => ({ status: 'ok' as const, version }));
  router.on(api.health.ready, async () => await readiness(context));
  router.on(api.health.metrics, async () => {
    return new Response(context.metrics.text(), { headers: { 'content-type': 'text/plain; version=0.0.4' } });
  });
  router.on(api.health.openapi, async () => Response.json(openApiDocument(router.routes, { version, url: context.url })));
}

async function readiness({ db, blobs, closing }: Context): Promise<{ status: 'ready' | 'not_ready'; reason?: string }> {
  if (closing.aborted) return { status: 'not_ready', reason: 'shutting down' };
  try {
    const checks = Promise.all([sql`SELECT 1`.execute(db), blobs.check()]);
    const late = new Promise((_resolve, reject) =>
      AbortSignal.timeout(READY_MS).addEventListener('abort', () => reject(new Error('no answer within 3 s'))),
    );
    await Promise.race([checks, late]);
    return { status: 'ready' };
  } catch (error) {
    return { status: 'not_ready', reason: error instanceof Error ? error.message : 'the database does not answer' };
  }
}
