/** How the process is, and what it can do. */
import { setTimeout as wait } from 'node:timers/promises';
import { api } from 'hud/protocol';
import { sql } from 'kysely';
import type { Context } from '../context.ts';
import { Fault } from '../fault.ts';
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

/** @throws Fault 503 */
async function readiness({ db, blobs, closing }: Context): Promise<{ status: 'ready' }> {
  if (closing.aborted) throw new Fault(503, 'The platform is shutting down.', { retryAfter: 5 });
  const controller = new AbortController();
  const late = wait(READY_MS, undefined, { signal: controller.signal }).then(() => Promise.reject(new Error('no answer within 3 s')));
  late.catch(() => {}); // aborted once the checks are done
  try {
    await Promise.race([Promise.all([sql`SELECT 1`.execute(db), blobs.check()]), late]);
    return { status: 'ready' };
  } catch (cause) {
    throw new Fault(503, 'The database or the store of blobs does not answer.', { retryAfter: 2, cause });
  } finally {
    controller.abort();
  }
}
