/** The unmodified Python package, its SDK and its command line, against a platform of ours. */
import type { Case } from '../report.ts';
import { accountCases } from './platform-accounts.ts';
import { agentCases } from './platform-agents.ts';
import { hands, type PlatformCaseOptions } from './platform-hands.ts';
import { recordCases } from './platform-record.ts';
import { syncCases } from './platform-sync.ts';

/** In order: later cases read what the first ones made. */
export function platformCases(options: PlatformCaseOptions): Case[] {
  const all = hands(options);
  return [...recordCases(all), ...agentCases(all), ...syncCases(all), ...accountCases(all)];
}
