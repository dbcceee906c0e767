/** What a QA agent is shown, and the hash by which a change of it is noticed. */
import { createHash } from 'node:crypto';
import { compareCodePoints, normalizeEnvironmentName, type api } from 'hud/protocol';
import type { Db } from '../../storage/database.ts';
import { findSubject, manifestsOf, type Spread, type StoredSubject } from '../../storage/qa/subjects.ts';

/** Fewer graded runs say nothing about a task. */
export const ENOUGH_RUNS = 5;

export interface Evidence {
  subject: StoredSubject;
  /** By normalized name; those that the registry has. */
  manifests: ReadonlyMap<string, api.registry.Manifest>;
  /** Tasks whose every run earned the same, of enough. */
  flat: readonly Spread[];
  /** Equal as long as nothing of this has changed. */
  state: string;
}

/** @returns undefined when the team has no such subject */
export async function gatherEvidence(db: Db, teamId: string, type: api.qa.SubjectType, id: string): Promise<Evidence | undefined> {
  const subject = await findSubject(db, teamId, type, id);
  if (subject === undefined) return undefined;
  const names = subject.kind === 'rows' ? [...new Set(subject.environments.map(normalizeEnvironmentName))] : [];
  const stored = await manifestsOf(db, teamId, names);
  const flat = subject.kind === 'rows' ? subject.spreads.filter(({ runs, least, most }) => runs >= ENOUGH_RUNS && least === most) : [];
  const manifests = new Map<string, api.registry.Manifest>();
  for (const [name, { manifest }] of stored) if (manifest !== undefined) manifests.set(name, JSON.parse(manifest) as api.registry.Manifest);
  const versions = [...stored].map(([name, { version }]) => `${name} ${version}`).toSorted(compareCodePoints);
  const state = JSON.stringify([type, id, subject.revision, versions, flat.map(({ slug, least }) => [slug, least])]);
  return { subject, manifests, flat, state };
}

/** @param agent changes when what the agent does changes */
export function evidenceHash({ state }: Evidence, agent: string): string {
  return createHash('sha256')
    .update(JSON.stringify([agent, state]))
    .digest('hex');
}
