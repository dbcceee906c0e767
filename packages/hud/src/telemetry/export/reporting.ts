/** Which platform this process reports to, and the one exporter for each store and platform. */
import { PlatformClient } from '../../api-client/client.ts';
import type { Host } from '../../host/host.ts';
import { platformSettings, readSetting } from '../../host/settings.ts';
import type { Store } from '../../store/store.ts';
import { Exporter } from './exporter.ts';
import type { ReportCounters } from './exporter-contract.ts';

export interface ReportTarget {
  /** Of its API, without a slash at its end. */
  url: string;
  /** Of its pages. */
  webUrl: string;
  apiKey: string;
}

/** @returns undefined without a platform or a key, and when HUD_TELEMETRY_ENABLED is false */
export function reportTarget(): ReportTarget | undefined {
  const { apiUrl, webUrl = apiUrl, apiKey } = platformSettings();
  if (apiUrl === undefined || webUrl === undefined || apiKey === undefined) return undefined;
  return /^(?:false|0|no|off)$/i.test(readSetting('HUD_TELEMETRY_ENABLED') ?? '') ? undefined : { url: apiUrl, webUrl, apiKey };
}

const counters: ReportCounters = { queued: 0, sent: 0, acknowledged: 0, rejected: 0 };
const exporters = new Map<Store, Map<string, Exporter>>();
/** A program that ends without ending its job has this long, in seconds. */
const FINAL_SECONDS = 2;
let isWatching = false;

export function openExporter(store: Store, target: ReportTarget, host: Host): Exporter {
  if (!isWatching) process.once('beforeExit', () => void flush(FINAL_SECONDS).catch(() => {})); // whoever wrote to the store was told
  isWatching = true;
  const ofStore = exporters.get(store) ?? new Map<string, Exporter>();
  exporters.set(store, ofStore);
  const key = `${target.url} ${target.apiKey}`;
  let exporter = ofStore.get(key);
  if (exporter === undefined) {
    const client = new PlatformClient({ baseUrl: target.url, apiKey: target.apiKey });
    ofStore.set(key, (exporter = new Exporter({ store, client, host, counters })));
  }
  return exporter;
}

/** Before a store is closed: what is left stays marked there as owed. */
export async function closeExporters(store: Store): Promise<void> {
  const ofStore = exporters.get(store);
  exporters.delete(store);
  await Promise.all([...(ofStore?.values() ?? [])].map(async (exporter) => await exporter.close()));
}

/** Seconds without an answer after which {@link flush} gives up, however long it may take. */
const AWAY_SECONDS = 1;

/**
 * @param timeout in seconds
 * @returns true once the platform has acknowledged everything that this process reported so far; false when time is up,
 *   when it can't be reached, or refuses something. What it lacks stays in the store and is sent later
 */
export async function flush(timeout = 10): Promise<boolean> {
  const open = [...exporters.values()].flatMap((ofStore) => [...ofStore.values()]);
  const all = await Promise.all(open.map(async (exporter) => await exporter.flush({ ms: timeout * 1000, awayMs: AWAY_SECONDS * 1000 })));
  return all.every(Boolean);
}

/** Of this process. A copy. */
export function reportCounters(): ReportCounters {
  return { ...counters };
}
