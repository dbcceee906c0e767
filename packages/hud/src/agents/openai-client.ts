/** One client of OpenAI's SDK, for the two agents that speak its APIs. */
import type OpenAI from 'openai';
import type { Credentials } from './credentials.ts';
import { loadPackage } from './package-loading.ts';

const REQUEST_MS = 600_000;

/** Retries are the loop's: two layers of them would multiply. */
export async function loadOpenAI({ apiKey, baseUrl }: Credentials): Promise<OpenAI> {
  const { default: Sdk } = await loadPackage('openai', () => import('openai'));
  return new Sdk({ apiKey, maxRetries: 0, timeout: REQUEST_MS, ...(baseUrl === undefined ? {} : { baseURL: baseUrl }) });
}
