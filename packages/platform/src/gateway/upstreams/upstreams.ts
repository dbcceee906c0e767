/** The model servers that API keys of vendors give: the platform's own keys, or one that the caller brought. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config.ts';
import type { Upstream } from '../seams.ts';

export type Vendor = 'openai' | 'anthropic' | 'gemini' | 'openrouter';

export const VENDORS: readonly Vendor[] = ['openai', 'anthropic', 'gemini', 'openrouter'];

type VendorConfig = Pick<
  Config,
  | 'OPENAI_API_KEY'
  | 'OPENAI_BASE_URL'
  | 'ANTHROPIC_API_KEY'
  | 'ANTHROPIC_BASE_URL'
  | 'GEMINI_API_KEY'
  | 'GEMINI_BASE_URL'
  | 'OPENROUTER_API_KEY'
>;

/** Headers by which a caller pays its vendor itself. */
const OWN_KEYS: Readonly<Record<Vendor, string>> = {
  openai: 'x-openai-key',
  anthropic: 'x-anthropic-key',
  gemini: 'x-gemini-key',
  openrouter: 'x-openrouter-key',
};

/** Where the vendors are. Anthropic and Gemini answer chat completions as well, at addresses of their own. */
const SERVERS: Readonly<Record<Vendor, (config: VendorConfig) => Pick<Upstream, 'dialects' | 'baseUrls'>>> = {
  openai: ({ OPENAI_BASE_URL }) => serverOf(openAi(OPENAI_BASE_URL ?? 'https://api.openai.com/v1')),
  anthropic: ({ ANTHROPIC_BASE_URL }) => {
    const base = bare(ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com').replace(/\/v1$/, '');
    return serverOf({ anthropic: base, 'openai-chat': `${base}/v1` });
  },
  gemini: ({ GEMINI_BASE_URL }) => {
    const base = bare(GEMINI_BASE_URL ?? 'https://generativelanguage.googleapis.com');
    return serverOf({ gemini: base, 'openai-chat': `${base}/v1beta/openai`, embeddings: `${base}/v1beta/openai` });
  },
  openrouter: () => serverOf(openAi('https://openrouter.ai/api/v1')),
};

/** Those that the settings have keys of. A server at an address of one's own may take none. */
export function vendorUpstreams(config: VendorConfig): Upstream[] {
  const keys: Record<Vendor, string | undefined> = {
    openai: config.OPENAI_API_KEY,
    anthropic: config.ANTHROPIC_API_KEY,
    gemini: config.GEMINI_API_KEY,
    openrouter: config.OPENROUTER_API_KEY,
  };
  return VENDORS.flatMap((name) => {
    const apiKey = keys[name];
    return apiKey === undefined ? [] : [{ name, ...SERVERS[name](config), apiKey, headers: {} }];
  });
}

/** @returns undefined when the caller brought no key of that vendor */
export function callersUpstream(vendor: Vendor, headers: IncomingHttpHeaders, config: VendorConfig): Upstream | undefined {
  const apiKey = headers[OWN_KEYS[vendor]];
  if (typeof apiKey !== 'string' || apiKey === '') return undefined;
  return { name: vendor, ...SERVERS[vendor](config), apiKey, headers: {}, isCallersOwn: true };
}

/** Whether any was brought: most calls have none. */
export function bringsKeys(headers: IncomingHttpHeaders): boolean {
  return VENDORS.some((vendor) => headers[OWN_KEYS[vendor]] !== undefined);
}

function openAi(baseUrl: string): Upstream['baseUrls'] {
  const base = bare(baseUrl);
  return { 'openai-chat': base, 'openai-responses': base, embeddings: base };
}

function serverOf(baseUrls: Upstream['baseUrls']): Pick<Upstream, 'dialects' | 'baseUrls'> {
  return { baseUrls, dialects: Object.keys(baseUrls) as (keyof Upstream['baseUrls'])[] };
}

function bare(url: string): string {
  return url.replace(/\/+$/, '');
}
