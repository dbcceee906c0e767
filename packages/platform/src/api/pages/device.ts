/** Approving the login of a device: who asks is shown, and nothing happens without a press. */
import { api } from 'hud/protocol';
import { html } from 'hono/html';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { Fault } from '../../fault.ts';
import { decideDevice, pendingDevice, withDash } from '../../storage/accounts/device-codes.ts';
import { getMember, getTeam } from '../../storage/accounts/teams.ts';
import type { Router } from '../bind.ts';
import { limitsOf } from '../accounts/keys.ts';
import { readForm } from './login.ts';
import { goTo, page, plain } from './page.ts';

export function addDevicePages(router: Router, context: Context): void {
  const { db } = context;
  router.on(api.accounts.devicePage, async ({ request, caller }) => {
    const code = new URL(request.url).searchParams.get('code');
    if (!isPerson(caller))
      return goTo(`/login?next=${encodeURIComponent(`/device${code === null ? '' : `?code=${encodeURIComponent(code)}`}`)}`);
    return code === null || code === '' ? await codePage('') : await approvalPage(context, caller, code);
  });
  router.on(api.accounts.decideDevice, async ({ caller, readBytes }) => {
    if (!isPerson(caller)) throw new Fault(401, 'Sign in first: only a person who is signed in approves a device.');
    const form = await readForm(readBytes);
    const code = form.get('code') ?? '';
    const decision = form.get('decision');
    if (decision !== 'approve' && decision !== 'deny') throw new Fault(400, "The decision is 'approve' or 'deny'.");
    const by = { teamId: caller.teamId, userId: caller.userId, ...(await limitsOf(db, caller)) };
    const isDecided = await decideDevice(db, code, decision === 'approve' ? by : undefined);
    if (!isDecided) return await codePage(code, 'Nothing waits under this code: it has expired, or was decided on already.', 404);
    return decision === 'approve'
      ? await page(html`<p>The device has its key within seconds. You can close this page.</p>`, { title: 'Approved' })
      : await page(html`<p>The device was told so. You can close this page.</p>`, { title: 'Denied' });
  });
}

type Person = Caller & { userId: string };

/** A key of one trace, whose holder is a program in a sandbox, makes no other keys. */
function isPerson(caller: Caller | undefined): caller is Person {
  return caller?.userId !== undefined && caller.traceId === undefined;
}

async function codePage(code: string, problem?: string, status: 200 | 404 = 200): Promise<Response> {
  const content = html`<p>Type the code that <code>hud login</code> shows in your terminal.</p>
    ${problem === undefined ? '' : html`<p class="note" role="alert">${problem}</p>`}
    <form method="get" action="/device">
      <label for="code">Code</label>
      <input
        class="code"
        id="code"
        name="code"
        value="${withDash(code)}"
        autocomplete="off"
        spellcheck="false"
        autocapitalize="characters"
        maxlength="12"
        placeholder="BCDF-GHJK"
        required
        autofocus
      />
      <button class="main">Go on</button>
    </form>`;
  return await page(content, { title: 'Sign a device in', status });
}

async function approvalPage({ db, now }: Context, caller: Person, code: string): Promise<Response> {
  const [asker, member, team] = await Promise.all([
    pendingDevice(db, code),
    getMember(db, caller.teamId, caller.userId),
    getTeam(db, caller.teamId),
  ]);
  if (asker === undefined)
    return await codePage(code, 'Nothing waits under this code: it has expired, was decided on, or has a letter wrong.', 404);
  const minutes = Math.floor((now() - asker.created_at) / 60_000);
  const rows = [
    ['Device', asker.client_name === '' ? 'unnamed' : plain(asker.client_name)],
    ...(asker.client_version === '' ? [] : [['Version', plain(asker.client_version)] as const]),
    ['Address', asker.address],
    ['Asked', minutes === 0 ? 'just now' : `${minutes} min ago`],
    ['Gets', `a key of ${member?.email ?? ''} for ${team?.name ?? ''}, as ${caller.role}`],
  ] as const;
  const content = html`<p>Approve only if you started this yourself and your terminal shows this code.</p>
    <p class="big">${withDash(code)}</p>
    <dl>
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    <form method="post" action="/device">
      <input type="hidden" name="code" value="${withDash(code)}" />
      <div class="pair">
        <button name="decision" value="deny">Deny</button><button class="main" name="decision" value="approve">Approve</button>
      </div>
    </form>`;
  return await page(content, { title: 'A device wants to sign in' });
}
