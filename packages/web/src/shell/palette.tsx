/** ⌘K: pages, and jobs by name or id. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useState, type JSX } from 'react';
import { call, isFrozen, routes } from '../api.ts';
import { Picker } from '../parts/picker.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { NAV } from './places.ts';

interface Target {
  to: string;
  text: string;
  note: string;
}

const MOST = 8;
const ID = /^[0-9a-f-]{8,36}$/i;

export function Palette({ onClose }: { onClose: () => void }): JSX.Element {
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const targets = useTargets(useDeferredValue(text.trim()));
  return (
    <Picker
      title="Go to"
      label="A page, or a job by its name or id"
      placeholder="A page, a job’s name, an id"
      listLabel="Places"
      text={text}
      onText={setText}
      items={targets}
      idOf={({ to }) => to}
      rowClass="flex justify-between gap-4"
      row={TargetRow}
      nothing="Nothing of that name."
      onChoose={({ to }) => {
        onClose();
        void navigate({ to });
      }}
      onClose={onClose}
    />
  );
}

function TargetRow({ item: { text, note } }: { item: Target }): JSX.Element {
  return (
    <>
      <span className="truncate">{visibleLine(text, 100)}</span>
      <span className="text-sm whitespace-nowrap text-ink-3">{note}</span>
    </>
  );
}

function useTargets(text: string): Target[] {
  const { data } = useQuery({
    queryKey: ['palette', text],
    queryFn: async ({ signal }) => await call(routes.jobs.list, { query: { search: text, limit: MOST } }, signal),
    enabled: !isFrozen(),
    placeholderData: (earlier) => earlier,
  });
  const low = text.toLowerCase();
  const pages = isFrozen() ? [] : [...NAV, ['/settings', 'Settings'] as const].filter(([, name]) => name.toLowerCase().includes(low));
  const byId = ID.test(text) ? [{ to: `/trace/${text}`, text: `Trace ${text}`, note: 'trace' }] : [];
  const jobs = (data?.items ?? []).map(({ id, name }) => ({ to: `/jobs/${id}`, text: name, note: `job ${id.slice(0, 8)}` }));
  return [...pages.map(([to, name]) => ({ to, text: name, note: 'page' })), ...byId, ...jobs].slice(0, MOST);
}
