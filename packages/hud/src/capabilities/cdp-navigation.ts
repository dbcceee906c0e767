/** Going to pages, and waiting until they are there. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { CdpTabs } from './cdp-tabs.ts';
import type { Navigation, Wait } from './screen.ts';

/** Longest wait for a page to load; one that still loads then is used as it is. */
const LOAD_MS = 15_000;
const POLL_MS = 30;
/** One look at a page, which may be too busy to answer. */
const LOOK_MS = 2_000;

export function navigationOf(tabs: CdpTabs): Navigation {
  return {
    async url({ signal } = {}) {
      const { current } = await historyOf(tabs, signal);
      return current?.url ?? 'about:blank';
    },
    async navigate(url, { signal } = {}) {
      const { errorText, isDownload } = await tabs.send('Page.navigate', { url }, { signal, timeoutMs: LOAD_MS * 2 });
      if (typeof errorText === 'string' && errorText !== '' && isDownload !== true) {
        throw new HudError('RPC_ERROR', `The page ${url} can't be opened: ${errorText}.`);
      }
      await loaded(tabs, { signal });
    },
    back: async (options = {}) => await step(tabs, -1, options),
    forward: async (options = {}) => await step(tabs, 1, options),
  };
}

/** Settles when the shown page is complete, or is still loading after 15 s. */
export async function loaded(tabs: CdpTabs, { signal }: Wait): Promise<void> {
  const until = nodeHost.monotonic() + LOAD_MS;
  while (nodeHost.monotonic() < until) {
    if ((await lookAt(tabs, signal)) === 'complete') return;
    await sleep(nodeHost, POLL_MS, signal);
  }
}

async function lookAt(tabs: CdpTabs, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    const options = { signal, timeoutMs: LOOK_MS };
    const { result } = await tabs.send('Runtime.evaluate', { expression: 'document.readyState', returnByValue: true }, options);
    return (result as JsonObject | undefined)?.value;
  } catch (error) {
    if (error instanceof HudError && (error.code === 'RPC_ERROR' || error.data?.timeoutMs !== undefined)) return undefined; // between two pages, or busy
    throw error;
  }
}

/** To the entry before or after the current one; stays where there is none. */
async function step(tabs: CdpTabs, by: -1 | 1, { signal }: Wait): Promise<void> {
  const { entries, at } = await historyOf(tabs, signal);
  const entry = entries[at + by];
  if (entry === undefined) return;
  await tabs.send('Page.navigateToHistoryEntry', { entryId: entry.id }, { signal });
  const until = nodeHost.monotonic() + LOAD_MS;
  while ((await historyOf(tabs, signal)).at !== at + by && nodeHost.monotonic() < until) await sleep(nodeHost, POLL_MS, signal);
  await loaded(tabs, { signal });
}

interface Entry {
  id: number;
  url: string;
}

async function historyOf(
  tabs: CdpTabs,
  signal: AbortSignal | undefined,
): Promise<{ entries: Entry[]; at: number; current: Entry | undefined }> {
  const { entries, currentIndex } = await tabs.send('Page.getNavigationHistory', {}, { signal });
  const list = entries as Entry[];
  return { entries: list, at: Number(currentIndex), current: list[Number(currentIndex)] };
}
