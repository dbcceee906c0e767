/** What a sandbox asks for, in one normal form, and the list of what it may have. */
import { isIP, isIPv6 } from 'node:net';
import { HudError } from '../../protocol/errors.ts';

/** Somewhere to connect to. */
export interface Target {
  /** Lower case, ASCII, without trailing dot; an address in its usual notation, without brackets. */
  host: string;
  port: number;
  isAddress: boolean;
}

export interface UrlTarget extends Target {
  /** With the query. */
  path: string;
}

export interface AllowList {
  readonly isEmpty: boolean;
  /** @param host in normal form */
  allows(host: string): boolean;
}

const ANY_HOST = '*';

/**
 * @param entries names, which stand for their subdomains too; addresses; `*` for everything
 * @throws HudError BAD_ARGUMENT for an entry that could never match
 */
export function allowListOf(entries: readonly string[]): AllowList {
  const exact = new Set<string>();
  for (const entry of entries) if (entry !== ANY_HOST) exact.add(normalEntry(entry));
  if (entries.includes(ANY_HOST)) return { isEmpty: false, allows: () => true };
  return {
    isEmpty: exact.size === 0,
    allows: (host) => {
      if (isIP(host) !== 0) return exact.has(host);
      const labels = host.split('.');
      return labels.some((_, index) => exact.has(labels.slice(index).join('.')));
    },
  };
}

/**
 * @param authority of a CONNECT: `host`, `host:port`, `[ipv6]:port`
 * @returns undefined when it is not exactly that
 */
export function targetOf(authority: string, defaultPort: number): Target | undefined {
  const [, host = '', port] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(authority) ?? [];
  return at(host, port === undefined ? defaultPort : Number(port));
}

/** @returns undefined unless it is a plain `http://` URL without user and fragment */
export function urlTargetOf(text: string): UrlTarget | undefined {
  const [, authority, rest = ''] = /^http:\/\/([^/?#\\@]+)([/?][\x21-\x22\x24-\x5b\x5d-\x7e]*)?$/i.exec(text) ?? [];
  const target = authority === undefined ? undefined : targetOf(authority, 80);
  return target && { ...target, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** `host:port`, as it stands in a URL. */
export function authorityOf({ host, port }: Target, defaultPort: number): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === defaultPort ? name : `${name}:${port}`;
}

/**
 * One spelling per host: case, a trailing dot, IPv4 as one number, octal or hexadecimal, IPv6 in long form.
 * @returns undefined for what is neither name nor address
 */
export function normalHost(text: string): string | undefined {
  const bare = text.replace(/\.$/, '');
  if (bare.length > 253 || bare.startsWith('.') || bare.endsWith('.') || bare.includes('..')) return undefined;
  const url = `http://${isIPv6(bare) ? `[${bare}]` : bare}/`;
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function at(text: string, port: number): Target | undefined {
  const host = text === '' ? undefined : normalHost(text.replace(/^\[(.*)\]$/, '$1'));
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port, isAddress: isIP(host) !== 0 };
}

function normalEntry(entry: string): string {
  const isPlain = isIPv6(entry) || /^[\p{L}\p{N}\p{M}._-]+$/u.test(entry);
  const host = isPlain ? normalHost(entry) : undefined;
  if (host !== undefined) return host;
  throw new HudError('BAD_ARGUMENT', `The allowed host ${JSON.stringify(entry)} is neither a name nor an address.`, {
    hint: 'Write example.org for it and all its subdomains, or * for every public host; no scheme, port or path.',
  });
}
