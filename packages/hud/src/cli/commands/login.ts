import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { platformSettings, readSetting, userSettingsPath } from '../../host/settings.ts';
import { accounts } from '../../protocol/api/index.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { isPlainObject } from '../../protocol/json.ts';
import { openInBrowser } from '../browser.ts';
import { defineCommand, type Context } from '../command.ts';
import { flag } from '../options.ts';
import { packageVersion } from '../package-origin.ts';
import { literalLine } from '../terminal/literal.ts';
import { saveUserSettings } from '../user-settings.ts';

/** For one request, in milliseconds. */
const TIMEOUT_MS = 30_000;
/** What `slow_down` adds between two questions, for good, in seconds. */
const SLOWER_S = 5;
/** Between two questions when the platform does not say, in seconds. */
const INTERVAL_S = 5;

export const login = defineCommand({
  options: { quiet: flag('-q, --quiet', 'open no browser') },
  notes: `Shows a code to approve on the platform's page, then saves the key as HUD_API_KEY in ~/.hud/.env.
The platform is HUD_BASE_URL (or HUD_API_URL).`,
  run: async ({ options }, context) => {
    const baseUrl = platformUrl();
    const code = await askForCode(baseUrl, context.signal);
    show(code, baseUrl, options.quiet === true, context);
    const { apiKey, email, team } = await untilDecided(baseUrl, code, context);
    await saveUserSettings({ HUD_API_KEY: apiKey });
    const path = userSettingsPath();
    noteShadowed(apiKey, context);
    return {
      json: { ...(email === undefined ? {} : { email }), ...(team === undefined ? {} : { team }), path },
      text: () => [
        `Signed in${email === undefined ? '' : ` as ${literalLine(email)}`}${team === undefined ? '' : ` for team ${literalLine(team)}`}.`,
        `Saved HUD_API_KEY to ${path}`,
      ],
    };
  },
});

export function platformUrl(): string {
  const { apiUrl } = platformSettings();
  if (apiUrl !== undefined) return apiUrl;
  throw new HudError('PLATFORM_MISSING', 'No platform is set.', {
    hint: 'Start one with `hud platform`, or name one: `hud set HUD_BASE_URL=https://…`.',
  });
}

interface Code {
  deviceCode: string;
  userCode: string;
  page: string;
  expiresInS: number;
  intervalS: number;
}

async function askForCode(baseUrl: string, signal: AbortSignal): Promise<Code> {
  const about = encode(accounts.deviceCode.body, { clientName: hostname(), clientVersion: packageVersion() });
  let answer: Answer;
  try {
    answer = await post(`${baseUrl}${accounts.deviceCode.path}`, about, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new HudError('PLATFORM_UNREACHABLE', `The platform at ${baseUrl} can't be reached: ${reasonOf(cause)}.`, {
      hint: 'Is it running? HUD_BASE_URL says where it is.',
      cause,
    });
  }
  if (answer.status !== 200) throw failed(baseUrl, answer);
  // Other platforms leave out what can be guessed.
  const Reply = accounts.deviceCode.reply.partial({ verificationUriComplete: true, interval: true });
  const reply = decode(Reply, answer.body, { what: `The answer of ${baseUrl}`, code: 'PLATFORM_FAILED' });
  return {
    deviceCode: reply.deviceCode,
    userCode: reply.userCode,
    page: reply.verificationUriComplete ?? `${reply.verificationUri}?code=${encodeURIComponent(reply.userCode)}`,
    expiresInS: reply.expiresIn,
    intervalS: reply.interval ?? INTERVAL_S,
  };
}

/** Characters that no shell reads: the address is the platform's word. */
const OPENABLE = /^https?:\/\/[\w.:[\]/?=%~-]+$/;

function show({ userCode, page }: Code, baseUrl: string, isQuiet: boolean, context: Context): void {
  const { err, isJson, note } = context;
  err.line(`Approve the code ${err.bold(literalLine(userCode))} on ${literalLine(page)}`);
  if (isQuiet || isJson || !err.isTTY || !OPENABLE.test(page) || !URL.canParse(page)) return;
  if (new URL(page).host !== new URL(baseUrl).host) note(`That page is not on ${baseUrl}; approve only if you expect this.`);
  openInBrowser(page, note);
}

interface Granted {
  apiKey: string;
  email: string | undefined;
  team: string | undefined;
}

/** Sleeps first. What may pass (no connection, 5xx) is waited for, until the code expires. */
async function untilDecided(baseUrl: string, { deviceCode, expiresInS, intervalS }: Code, { signal }: Context): Promise<Granted> {
  const deadline = performance.now() + expiresInS * 1000;
  const url = `${baseUrl}${accounts.deviceToken.path}`;
  let pauseMs = intervalS * 1000;
  while (performance.now() + pauseMs <= deadline) {
    await wait(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted()); // with the signal's own reason
    const answer = await poll(url, encode(accounts.deviceToken.body, { deviceCode }), signal);
    if (answer === undefined || answer.status >= 500) continue;
    if (answer.status === 200) return granted(baseUrl, answer.body);
    const error = errorOf(answer.body);
    if (error === 'slow_down') pauseMs += SLOWER_S * 1000;
    else if (error === 'access_denied') throw new HudError('PLATFORM_REFUSED', 'The login was denied on the page.');
    else if (error === 'expired_token') break;
    else if (error !== 'authorization_pending') throw failed(baseUrl, answer);
  }
  throw new HudError('PLATFORM_REFUSED', 'The code expired before anybody approved it.', { hint: 'Run `hud login` again.' });
}

/** @returns undefined when no answer came */
async function poll(url: string, body: unknown, signal: AbortSignal): Promise<Answer | undefined> {
  try {
    return await post(url, body, signal);
  } catch {
    signal.throwIfAborted();
    return undefined; // a connection that fails now may work in a moment; the code's end is the limit
  }
}

function granted(baseUrl: string, body: unknown): Granted {
  const { user, team } = accounts.deviceToken.reply.shape;
  const Reply = accounts.deviceToken.reply.extend({ user: user.partial().nullish(), team: team.partial().nullish() });
  const reply = decode(Reply, body, { what: `The answer of ${baseUrl}`, code: 'PLATFORM_FAILED' });
  return { apiKey: reply.apiKey, email: reply.user?.email, team: reply.team?.name };
}

interface Answer {
  status: number;
  /** Parsed where it is JSON. */
  body: unknown;
  text: string;
}

async function post(url: string, body: unknown, signal: AbortSignal): Promise<Answer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: limit });
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text), text };
  } catch {
    return { status: response.status, body: undefined, text }; // a proxy's page, say
  }
}

/** `{"error": …}`, or the same under `detail`. */
function errorOf(body: unknown): unknown {
  if (!isPlainObject(body)) return undefined;
  return isPlainObject(body.detail) ? body.detail.error : body.error;
}

function failed(baseUrl: string, { status, text }: Answer): HudError {
  return new HudError('PLATFORM_FAILED', `The platform at ${baseUrl} answered ${status}: ${literalLine(text.slice(0, 500))}`);
}

function reasonOf(error: unknown): string {
  return messageOf((error as { cause?: unknown }).cause ?? error);
}

/** The process environment and `./.env` come before what was saved. */
function noteShadowed(apiKey: string, { note }: Context): void {
  if (readSetting('HUD_API_KEY') !== apiKey)
    note('HUD_API_KEY is set in the environment or in ./.env too, which comes before what was saved.');
}
