/** For tests of bad input: requests as no client of ours would write them, and values that break what is careless. */
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';

export interface Shot {
  method: string;
  /** As it goes onto the wire, query included. */
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: Buffer | string;
  /** Without a length, in pieces. */
  isChunked?: boolean;
}

export interface Hit {
  status: number;
  headers: IncomingHttpHeaders;
  /** Of an answer that goes on, the first piece. */
  text: string;
  ms: number;
}

/** After this long a request counts as hanging, in milliseconds; generous, since machines of tests are busy. */
export const HANG_MS = 10_000;

/** @returns `send`, over few connections that stay open as those of clients do */
export function shooter(base: string): { send(shot: Shot): Promise<Hit>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { hostname, port } = new URL(base);
  const send = async ({ method, path, headers = {}, body, isChunked = false }: Shot): Promise<Hit> => {
    const begun = performance.now();
    const length = body === undefined ? {} : isChunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(HANG_MS);
    const outgoing = httpRequest({ agent, hostname, port, method, path, headers: { ...length, ...headers }, signal });
    outgoing.on('error', () => {}); // an answer may come before the whole body has gone
    const answered = once(outgoing, 'response', { signal }) as Promise<[IncomingMessage]>;
    outgoing.end(body);
    const [response] = await answered;
    const parts: Buffer[] = [];
    const isEndless = response.headers['content-type']?.startsWith('text/event-stream') === true;
    try {
      for await (const part of response) {
        parts.push(part as Buffer);
        if (isEndless) break;
      }
    } finally {
      response.destroy();
    }
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: Buffer.concat(parts).toString(),
      ms: performance.now() - begun,
    };
  };
  return { send, close: () => agent.destroy() };
}

/** What a server says to these very bytes, until it closes or is silent for a while. */
export async function shout(base: string, bytes: string | Buffer, { quietMs = 300 } = {}): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  const parts: Buffer[] = [];
  let lastAt = performance.now();
  socket.on('data', (part: Buffer) => {
    parts.push(part);
    lastAt = performance.now();
  });
  socket.on('error', () => {});
  socket.write(bytes);
  const begun = performance.now();
  while (!socket.closed && performance.now() - begun < HANG_MS && (parts.length === 0 || performance.now() - lastAt < quietMs))
    await sleep(10);
  socket.destroy();
  return Buffer.concat(parts).toString('latin1');
}

/** Each has broken something somewhere. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '\ufeff',
  '\u202egnp.exe',
  '\r\nset-cookie: x=1',
  '\n\nevent: end\ndata: {}\n\n',
  '__proto__',
  'constructor',
  'toString',
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  "'; DROP TABLE jobs; --",
  '" OR 1=1 --',
  '%',
  '%_%',
  '\\',
  '[*',
  '{{7*7}}',
  '${7*7}',
  '$(id)',
  '<script>alert(1)</script>',
  'null',
  'undefined',
  'NaN',
  '1e999',
  '-1',
  '9'.repeat(400),
  'é'.repeat(5_000),
  'A'.repeat(70_000),
  '0'.repeat(32),
  'f'.repeat(32),
  '💥'.repeat(200),
  '2026-13-45T99:99:99Z',
  '+275760-09-13T00:00:00.001Z',
];

export const hostileText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    1.5,
    1e308,
    -1e308,
    5e-324,
    2 ** 53 + 2,
    -(2 ** 63),
    [],
    {},
    [[]],
    [null],
    { __proto__: null, toString: 1 },
    { length: 5 },
    Array.from({ length: 2_000 }, () => 0),
    nested(40),
  ),
);

function nested(depth: number): unknown {
  return depth === 0 ? {} : { a: [nested(depth - 1)] };
}

export interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
  items?: JsonSchema;
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: JsonSchema | boolean;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

/** Values that mostly fit the schema, with something hostile in one place out of a few. @param known ids that exist */
export function nearly(schema: JsonSchema, known: readonly string[], depth = 0): Arbitrary<unknown> {
  return fc.oneof({ weight: 5, arbitrary: fitting(schema, known, depth) }, { weight: 1, arbitrary: hostileValue });
}

function fitting(schema: JsonSchema, known: readonly string[], depth: number): Arbitrary<unknown> {
  const of = (inner: JsonSchema): Arbitrary<unknown> => nearly(inner, known, depth + 1);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map(of));
  switch (schema.type) {
    case 'string':
      return fc.oneof(fc.constantFrom(...known), fc.string({ minLength: 1, maxLength: 12 }), hostileText);
    case 'integer':
    case 'number':
      return fc.integer({ min: Math.max(schema.minimum ?? -5, -1e9), max: Math.min(schema.maximum ?? 1e6, 1e9) });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(of(schema.items ?? {}), { maxLength: depth > 3 ? 1 : 3 });
    case 'object':
      return object(schema, of, depth);
    default:
      return hostileValue;
  }
}

function object(
  { properties = {}, additionalProperties }: JsonSchema,
  of: (inner: JsonSchema) => Arbitrary<unknown>,
  depth: number,
): Arbitrary<unknown> {
  const declared = Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, of(member)]));
  const member = typeof additionalProperties === 'object' && depth < 3 ? of(additionalProperties) : hostileValue;
  return fc
    .tuple(
      fc.record(declared, { requiredKeys: mostOf(Object.keys(declared)) }),
      fc.dictionary(hostileText, member, { maxKeys: 2 }),
      fc.boolean(),
    )
    .map(([given, extra, hasExtra]) => (hasExtra ? { ...extra, ...given } : given));
}

/** Two of three are always there, so that many bodies get past the schema. */
function mostOf(names: string[]): string[] {
  return names.filter((_name, at) => at % 3 !== 2);
}

/** What becomes of the text of a body on its way. */
export const MUTATIONS: Readonly<
  Record<string, (body: string) => { body: Buffer | string; headers?: OutgoingHttpHeaders; isChunked?: boolean }>
> = {
  none: (body) => ({ body }),
  chunked: (body) => ({ body, isChunked: true }),
  truncated: (body) => ({ body: body.slice(0, Math.floor(body.length / 2)) }),
  empty: () => ({ body: '' }),
  'trailing garbage': (body) => ({ body: `${body}]}x` }),
  twice: (body) => ({ body: `${body}\n${body}` }),
  'byte order mark': (body) => ({ body: `\ufeff${body}` }),
  'UTF-16': (body) => ({ body: Buffer.from(body, 'utf16le') }),
  'no UTF-8': (body) => ({ body: Buffer.concat([Buffer.from(body.slice(0, -1)), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('}')]) }),
  'a bare surrogate': (body) => ({ body: body.replace(/"([^"\\]{2,})"(?=[,}\]])/, '"\\ud800"') }),
  'an escaped NUL': (body) => ({ body: body.replace(/"([^"\\]{2,})"(?=[,}\]])/, '"a\\u0000b"') }),
  'duplicate keys': (body) => ({ body: body.replace(/^\{/, '{"name":1,"id":2,"name":"x","status":[],') }),
  prototype: (body) => ({ body: body.replace(/^\{/, '{"__proto__":{"teamId":"x","status":"error"},"constructor":{"prototype":{"a":1}},') }),
  'not finite': (body) => ({ body: body.replace(/-?\b\d+\b/, 'NaN') }),
  'a huge number': (body) => ({ body: body.replace(/-?\b\d+\b/, '1'.repeat(5_000)) }),
  'deeper than a stack': () => ({ body: `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}` }),
  'deep objects': () => ({ body: `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}` }),
  'deep at a declared place': (body) => ({
    body: body.replace(
      /("(?:metadata|tasks|args|evaluation_result|manifest|telemetry|properties)":)/,
      `$1${'['.repeat(5_000)}${']'.repeat(5_000)},"x":`,
    ),
  }),
  'only an opening': () => ({ body: '['.repeat(100_000) }),
  'a list': (body) => ({ body: `[${body}]` }),
  'a string': (body) => ({ body: JSON.stringify(body) }),
  null: () => ({ body: 'null' }),
  'plain text': (body) => ({ body, headers: { 'content-type': 'text/plain' } }),
  'no JSON at all': () => ({ body: 'a=1&b=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  multipart: () => ({
    body: '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  }),
  'a broken media type': (body) => ({ body, headers: { 'content-type': ';;;=' } }),
  gzip: (body) => ({ body: gzipSync(body), headers: { 'content-encoding': 'gzip' } }),
  'said to be gzip': (body) => ({ body, headers: { 'content-encoding': 'gzip' } }),
  'an unknown encoding': (body) => ({ body, headers: { 'content-encoding': 'rot13' } }),
  'many keys': () => ({ body: `{${Array.from({ length: 50_000 }, (_, n) => `"k${n}":${n}`).join()}}` }),
};

/** What may stand in an answer: nothing of the machine's inside. */
export const INSIDES =
  /\bat .+:\d+:\d+|node_modules|\/src\/|file:\/\/|SQLITE|sqlite3?\b|select .+ from |insert into|ERR_[A-Z]+|TypeError|RangeError|ReferenceError|Cannot read prop|is not a function|Maximum call stack|\[object Object\]|sk-hud-\w{20}/i;
