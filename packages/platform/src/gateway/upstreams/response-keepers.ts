/**
 * Replies of the Responses API stay on their server, and later requests go on from them by id. All teams share the
 * platform's account there, so an id is good only for the team that was given it, and only at the server that has it.
 */
import { messageOf } from 'hud/protocol';
import type { Log } from '../../log.ts';
import type { Db } from '../../storage/database.ts';
import { dropOldResponses, keepResponses, keeperOf, type KeptResponse } from '../../storage/kept-responses.ts';
import type { ReplyObserver } from '../seams.ts';

export interface ResponseKeepers {
  /** @returns name of the upstream; undefined when the team was never given that id */
  find(teamId: string, responseId: string): Promise<string | undefined>;
  /** Watches a reply for its id. */
  watch(teamId: string, upstream: string): ReplyObserver;
  /** What was seen is on disk when it resolves. */
  close(): Promise<void>;
}

/** Ids that are at hand without asking the database. */
const MOST_AT_HAND = 20_000;
/** The id stands at the beginning of a reply, whole or streamed. */
const LOOK_BYTES = 16_384;
const ID = /"id"\s*:\s*"(resp_[^"\\]{1,200})"/;
const OTHER_ID = /"id"\s*:\s*"([^"\\]{1,200})"/;
const CLEAN_EVERY_MS = 6 * 3_600_000;

export function openResponseKeepers(db: Db, { log, now }: { log: Log; now: () => number }): ResponseKeepers {
  const atHand = new Map<string, string>();
  let unwritten: (KeptResponse & { teamId: string })[] = [];
  let writing: Promise<void> | undefined;
  let cleanedAt = now();
  const write = async (): Promise<void> => {
    while (unwritten.length > 0) {
      const rows = unwritten;
      unwritten = [];
      try {
        await keepResponses(db, rows);
        if (now() - cleanedAt < CLEAN_EVERY_MS) continue;
        cleanedAt = now();
        await dropOldResponses(db, cleanedAt);
      } catch (error) {
        log.error('ids of responses were not written', { count: rows.length, reason: messageOf(error) });
      }
    }
    writing = undefined;
  };
  const keep = (teamId: string, responseId: string, upstream: string): void => {
    atHand.set(`${teamId} ${responseId}`, upstream);
    if (atHand.size > MOST_AT_HAND) atHand.delete(atHand.keys().next().value ?? '');
    unwritten.push({ teamId, responseId, upstream, createdAt: now() });
    writing ??= write();
  };
  return {
    find: async (teamId, responseId) => atHand.get(`${teamId} ${responseId}`) ?? (await keeperOf(db, teamId, responseId)),
    watch: (teamId, upstream) => idWatcher((responseId) => keep(teamId, responseId, upstream)),
    close: async () => await writing,
  };
}

function idWatcher(found: (responseId: string) => void): ReplyObserver {
  let seen = '';
  let isLooking = false;
  const look = (isAll: boolean): void => {
    const id = ID.exec(seen)?.[1] ?? (isAll ? OTHER_ID.exec(seen)?.[1] : undefined);
    if (id === undefined && !isAll) return;
    isLooking = false;
    if (id !== undefined) found(id);
  };
  return {
    head: (status) => {
      isLooking = status === 200;
    },
    data: (chunk) => {
      if (!isLooking) return;
      seen += chunk.toString('latin1', 0, LOOK_BYTES - seen.length);
      look(seen.length >= LOOK_BYTES);
    },
    end: () => {
      if (isLooking) look(true);
    },
  };
}
