/** One client of OpenAI's SDK, for the two agents that speak its APIs. */
import type OpenAI from 'openai';
import type { Credentials } from './credentials.ts';
import type { AskContext } from './model.ts';
import { loadPackage } from './package-loading.ts';
import { hearingFetch, sdkTimeoutMs, type Hearing, type PatienceSettings } from './stream-patience.ts';

/** Retries are the loop's: two layers of them would multiply. */
export async function loadOpenAI({ apiKey, baseUrl }: Credentials, settings: PatienceSettings = {}): Promise<OpenAI> {
  const { default: Sdk } = await loadPackage('openai', () => import('openai'));
  return new Sdk({
    apiKey,
    maxRetries: 0,
    timeout: sdkTimeoutMs(settings),
    fetch: hearingFetch,
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
  });
}

/** How a request is sent, and who hears its reply. */
export interface Sending {
  options: { signal: AbortSignal; headers?: Record<string, string> };
  hearing: Hearing;
  onText: AskContext['onText'];
}
