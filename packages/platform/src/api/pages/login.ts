/** Signing in and out: with a key, or with a link that works once. */
import { api } from 'hud/protocol';
import { html } from 'hono/html';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { Fault } from '../../fault.ts';
import { endSession, openSession, peekLoginToken, takeLoginToken, type Member } from '../../storage/accounts/sessions.ts';
import { getMember, getTeam } from '../../storage/accounts/teams.ts';
import type { Call, Router } from '../bind.ts';
import { isLoopbackHost, originOf } from '../gate/origin.ts';
import { isHttps, readSession, writeSession } from '../gate/session-cookie.ts';
import { goTo, page, safePath, type Html } from './page.ts';

const MAX_FORM = 16_384;

export function addLoginPages(router: Router, context: Context): void {
  const { db, config, authority } = context;
  router.on(api.accounts.loginPage, async ({ request, caller }) => {
    const { searchParams } = new URL(request.url);
    const next = safePath(searchParams.get('next'));
    const token = searchParams.get('token');
    if (token !== null) return await linkPage(context, token, next);
    return caller === undefined ? await keyPage(next) : await signedInPage(context, caller);
  });
  router.on(api.accounts.signIn, async ({ request, readBytes }) => {
    if (originOf(request, config.HUD_PLATFORM_URL) === 'foreign') throw new Fault(403, 'Another site may not sign you in.');
    const form = await readForm(readBytes);
    const next = safePath(form.get('next'));
    if (!isHttps(config) && !config.HUD_PLATFORM_INSECURE_COOKIES && !isLoopbackHost(request.headers.get('host'))) {
      return await keyPage(next, 'This address is not encrypted, so nobody can sign in here. Open the platform over https.', 400);
    }
    const token = form.get('token');
    const member = token === null ? await byKey(context, form.get('key') ?? '') : await takeLoginToken(db, token);
    if (member === undefined) {
      return await keyPage(
        next,
        token === null ? 'This key is unknown, expired, revoked, or for a single trace.' : 'This link was used already or has expired.',
        401,
      );
    }
    const session = await openSession(db, member);
    return goTo(next ?? '/jobs', { 'set-cookie': writeSession(session, config) });
  });
  router.on(api.accounts.signOut, async ({ request }) => {
    const session = readSession(request, config);
    if (session !== undefined) {
      await endSession(db, session);
      authority.forget();
    }
    return goTo('/login', { 'set-cookie': writeSession(undefined, config) });
  });
}

export async function readForm(readBytes: Call<api.RouteSpec>['readBytes']): Promise<URLSearchParams> {
  return new URLSearchParams(new TextDecoder().decode(await readBytes(MAX_FORM)));
}

async function byKey({ authority }: Context, text: string): Promise<(Member & { keyId: string | undefined }) | undefined> {
  const caller = await authority.byKey(text.trim());
  if (caller?.userId === undefined || caller.traceId !== undefined || caller.keyId === undefined) return undefined;
  return { teamId: caller.teamId, userId: caller.userId, keyId: caller.keyId };
}

async function keyPage(next: string | undefined, problem?: string, status: 200 | 400 | 401 = 200): Promise<Response> {
  const content = html`<p>Paste an API key, or open the link that <code>hud platform</code> printed or that an admin sent you.</p>
    ${problem === undefined ? '' : html`<p class="note" role="alert">${problem}</p>`}
    <form method="post" action="/login">
      ${nextField(next)}
      <label for="key">API key</label>
      <input
        id="key"
        name="key"
        type="password"
        autocomplete="current-password"
        spellcheck="false"
        placeholder="sk-hud-…"
        required
        autofocus
      />
      <button class="main">Sign in</button>
    </form>`;
  return await page(content, { title: 'Sign in', status });
}

/** A link alone changes nothing: those who look at mail open links too. */
async function linkPage({ db }: Context, token: string, next: string | undefined): Promise<Response> {
  const member = await peekLoginToken(db, token);
  const [who, team] =
    member === undefined ? [] : await Promise.all([getMember(db, member.teamId, member.userId), getTeam(db, member.teamId)]);
  if (who === undefined || team === undefined) return await keyPage(next, 'This link was used already or has expired.', 401);
  const content = html`<p>This link signs you in once.</p>
    ${account([
      ['Account', who.email],
      ['Team', team.name],
      ['Role', who.role],
    ])}
    <form method="post" action="/login">
      ${nextField(next)}
      <input type="hidden" name="token" value="${token}" />
      <button class="main" autofocus>Sign in</button>
    </form>`;
  return await page(content, { title: 'Sign in' });
}

async function signedInPage({ db }: Context, caller: Caller): Promise<Response> {
  const { teamId, userId, role } = caller;
  if (userId === undefined)
    return await page(html`<p>This record belongs to this machine; nobody signs in.</p>`, { title: 'Nothing to do' });
  const [who, team] = await Promise.all([getMember(db, teamId, userId), getTeam(db, teamId)]);
  const content = html`${account([
      ['Account', who?.email ?? ''],
      ['Team', team?.name ?? ''],
      ['Role', role],
    ])}
    <p>
      <a href="/jobs">See the jobs.</a> To sign a terminal in, run <code>hud login</code> there and type its code on
      <a href="/device">the device page</a>.
    </p>
    <form method="post" action="/logout"><button>Sign out</button></form>`;
  return await page(content, { title: 'You are signed in' });
}

function account(rows: readonly (readonly [name: string, value: string])[]): Html {
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function nextField(next: string | undefined): Html | '' {
  return next === undefined ? '' : html`<input type="hidden" name="next" value="${next}" />`;
}
