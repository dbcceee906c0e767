/** Keys, the team, shared links, and whose session this is. */
import type { JSX, ReactNode } from 'react';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Button, Pill } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Empty, Skeleton } from '../parts/states.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { Views } from '../parts/views.tsx';
import { useMe, type Me } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';
import { Keys } from './settings-keys.tsx';
import { Members } from './settings-team.tsx';
import { Shares } from './settings-shares.tsx';

const VIEWS = [
  ['keys', 'Keys'],
  ['team', 'Team'],
  ['shares', 'Shared links'],
  ['session', 'This session'],
] as const;

export function SettingsPage(): JSX.Element {
  const me = useMe();
  const [search] = useAddress();
  const view = VIEWS.find(([one]) => one === search.view)?.[0] ?? 'keys';
  return (
    <Page crumbs={[{ text: 'Settings' }]}>
      <h1 className="text-title font-semibold">Settings</h1>
      {me === undefined && <Skeleton lines={6} />}
      {me?.isLocal === true && <LocalRecord version={me.version} />}
      {me?.isLocal === false && (
        <>
          <Views label="Parts of the settings" views={VIEWS} view={view} />
          {view === 'keys' && <Keys me={me} />}
          {view === 'team' && <Members me={me} />}
          {view === 'shares' && <Shares me={me} />}
          {view === 'session' && <Session me={me} />}
        </>
      )}
    </Page>
  );
}

function LocalRecord({ version }: { version: string }): JSX.Element {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Empty command="hud platform">
        This is the record of one machine. It has no accounts, keys or teams: whoever works on this machine may look, and nobody else can
        reach it. For a team, a platform keeps what many machines record; one command starts it.
      </Empty>
      <p className="text-sm text-ink-3">Version {version}</p>
    </div>
  );
}

function Session({ me: { user, team, role, scopes, key, version } }: { me: Me }): JSX.Element {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <dl className="box grid grid-cols-[minmax(0,1fr)] divide-y divide-line">
        <Line name="Signed in as">{user === null ? 'nobody' : <Copyable text={user.email}>{visibleLine(user.email)}</Copyable>}</Line>
        <Line name="Team">
          <Copyable text={team.id}>{visibleLine(team.name)}</Copyable>, as its {role}
        </Line>
        <Line name="May">
          <span className="flex flex-wrap gap-1.5">
            {scopes.map((scope) => (
              <Pill key={scope}>{scope}</Pill>
            ))}
          </span>
        </Line>
        <Line name="Opened with">
          {key === null ? (
            'a one-time link'
          ) : (
            <>
              the key {visibleLine(key.name, 80)} <span className="font-mono text-sm text-ink-3">{key.prefix}…</span>
              {key.expiresAt !== null && (
                <>
                  , which ends <Ago time={key.expiresAt} />
                </>
              )}
            </>
          )}
        </Line>
        <Line name="Platform">
          version <Copyable text={version}>{version}</Copyable>
        </Line>
      </dl>
      <form method="post" action="/logout">
        <Button type="submit">Sign out</Button>
      </form>
    </div>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }): JSX.Element {
  return (
    <div className="grid gap-x-4 px-4 py-2 sm:grid-cols-[160px_minmax(0,1fr)]">
      <dt className="text-ink-3">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  );
}
