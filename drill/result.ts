/** What a drill found. */
import type { FaultKind } from './plan.ts';
import type { Finding } from './verify.ts';

/** A fault that struck. */
export interface StruckFault {
  kind: FaultKind;
  /** Seconds since the start. */
  at: number;
  what: string;
  more?: string;
  /** From its end until the next rollout of those it touched was graded. */
  recoveredSeconds?: number;
}

export interface DrillResult {
  seed: string;
  rollouts: number;
  graded: number;
  seconds: number;
  planned: number;
  faults: StruckFault[];
  /** Planned, but there was nothing to hit, not even after a while: a driver was killed instead. */
  missed: FaultKind[];
  driverStarts: number;
  serverStarts: number;
  /** Exit codes and signals. */
  driverEnds: Record<string, number>;
  /** By class. */
  attempts: Record<string, number>;
  /** Environments gave a grade, and the driver died or lost the connection before it was recorded. */
  unrecordedGrades: number;
  /** How often the record was verified. */
  checks: number;
  left: { processes: string[]; sockets: string[]; folders: string[]; cgroups: string[]; leases: string[] };
  /** Longest that anything of a dead driver outlived the moment at which the next one went on, in seconds. */
  longestOrphanSeconds: number;
  findings: Finding[];
}
