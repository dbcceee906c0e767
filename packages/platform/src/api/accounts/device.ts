/** The login of a device (RFC 8628): it asks for a code, a person approves it on a page, the device takes its key. */
import { api } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { Fault } from '../../fault.ts';
import { CODE_S, createDeviceCode, INTERVAL_S, pollDevice, type Poll } from '../../storage/accounts/device-codes.ts';
import { getMember, getTeam } from '../../storage/accounts/teams.ts';
import type { Router } from '../bind.ts';
import { mintKey } from './keys.ts';
import { addressOf } from '../gate/origin.ts';
import { plain } from '../pages/page.ts';

export function addDeviceRoutes(router: Router, context: Context): void {
  const { db, url, config } = context;
  router.on(api.accounts.deviceCode, async ({ body, request, peer }) => {
    const { deviceCode, userCode } = await createDeviceCode(db, {
      ...body,
      address: addressOf({ peer, forwardedFor: request.headers.get('x-forwarded-for') }, config),
    });
    const verificationUri = `${url}/device`;
    return {
      deviceCode,
      userCode,
      verificationUri,
      verificationUriComplete: `${verificationUri}?code=${userCode}`,
      expiresIn: CODE_S,
      interval: INTERVAL_S,
    };
  });
  router.on(api.accounts.deviceToken, async ({ body }) => {
    const poll = await pollDevice(db, body.deviceCode);
    if (poll.state !== 'approved') throw refusalOf(poll.state);
    const { clientName, by } = poll;
    const { teamId, userId } = by;
    const [team, member] = await Promise.all([getTeam(db, teamId), getMember(db, teamId, userId)]);
    if (team === undefined || member === undefined) throw refusalOf('denied');
    const { secret } = await mintKey(db, { ...by, name: `login on ${clientName === '' ? 'a device' : plain(clientName)}`.slice(0, 100) });
    return { apiKey: secret, user: { email: member.email }, team: { id: team.id, name: team.name } };
  });
}

const REFUSALS: Readonly<Record<Exclude<Poll['state'], 'approved'>, readonly [error: string, detail: string]>> = {
  pending: ['authorization_pending', 'Nobody has approved the code yet.'],
  'too-soon': ['slow_down', `Ask every ${INTERVAL_S} s at most.`],
  denied: ['access_denied', 'The login was denied.'],
  expired: ['expired_token', 'The code has expired or was used already; begin again.'],
};

function refusalOf(state: keyof typeof REFUSALS): Fault {
  const [error, detail] = REFUSALS[state];
  return new Fault(400, detail, { body: { error, error_description: detail } });
}
