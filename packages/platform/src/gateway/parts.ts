/** What counts, limits, slows and keeps the calls of a platform's gateway, put together. */
import { messageOf } from 'hud/protocol';
import type { Context } from '../context.ts';
import { callWriterOf } from './ledger/call-writer.ts';
import { UpstreamGovernor } from './governor/governor.ts';
import { ledgerOf } from './ledger/ledger.ts';
import { recordingOf } from './recording/recording.ts';
import type { GatewayParts } from './seams.ts';
import { usageReader } from './usage/usage.ts';

export interface OpenParts {
  parts: Pick<GatewayParts, 'ledger' | 'governor' | 'recording' | 'usageReader'>;
  /** When no call runs any more, and before the database closes: what they left is written. May be called twice. */
  close(): Promise<void>;
}

export function openParts(context: Pick<Context, 'db' | 'blobs' | 'log' | 'now' | 'metrics' | 'config'>): OpenParts {
  const ledger = ledgerOf(context);
  const recording = recordingOf(context);
  const writer = callWriterOf(context);
  writer.start();
  // So that the first call need not wait for it; when it fails, that call tries again.
  ledger.load().catch((error: unknown) => context.log.warn('budgets were not read', { reason: messageOf(error) }));
  return {
    parts: { ledger, recording, governor: new UpstreamGovernor({ metrics: context.metrics }), usageReader },
    close: async () => {
      await Promise.all([ledger.close(), recording.flush()]);
      await writer.close();
    },
  };
}
