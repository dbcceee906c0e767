/** Another job to compare with: those on the same taskset first. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useState, type JSX } from 'react';
import { call, routes } from '../api.ts';
import { Ago } from '../parts/ago.tsx';
import { Picker } from '../parts/picker.tsx';
import { Reward } from '../parts/reward.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import type { JobItem } from './list-pages.ts';
import type { JobView } from './use-job.ts';

const MOST = 12;

export function ComparePicker({ job, onClose }: { job: JobView; onClose: () => void }): JSX.Element {
  const [text, setText] = useState('');
  const navigate = useNavigate();
  const others = useOthers(job, useDeferredValue(text.trim()));
  return (
    <Picker
      title="Compare with"
      isWide
      label="A job’s name or id"
      placeholder={
        job.tasksetName === null ? 'A job’s name or id' : `A job’s name or id; these ran ${visibleLine(job.tasksetName, 40)} too`
      }
      listLabel="Jobs"
      text={text}
      onText={setText}
      items={others}
      idOf={({ id }) => id}
      rowClass="grid grid-cols-[minmax(0,1fr)_auto_80px] items-center gap-4"
      row={OtherJob}
      nothing="No other job is like that."
      onChoose={({ id }) => {
        onClose();
        void navigate({ to: '/jobs/$id/compare/$other', params: { id: job.id, other: id }, search: {} });
      }}
      onClose={onClose}
    />
  );
}

function OtherJob({ item: { name, model, agent, meanReward, createdAt } }: { item: JobItem }): JSX.Element {
  return (
    <>
      <span className="truncate">
        {visibleLine(name, 100)} <span className="text-sm text-ink-3">{visibleLine(model ?? agent ?? '', 40)}</span>
      </span>
      <Reward value={meanReward} />
      <span className="text-right text-sm text-ink-3">
        <Ago time={createdAt} />
      </span>
    </>
  );
}

function useOthers(job: JobView, text: string): JobItem[] {
  const taskset = job.tasksetId ?? job.tasksetName ?? undefined;
  const { data } = useQuery({
    queryKey: ['others', job.id, text],
    queryFn: async ({ signal }) => {
      const near =
        taskset === undefined ? [] : (await call(routes.jobs.list, { query: { taskset, search: text, limit: MOST } }, signal)).items;
      const rest =
        near.length > 1 && text === '' ? [] : (await call(routes.jobs.list, { query: { search: text, limit: MOST } }, signal)).items;
      return [...new Map([...near, ...rest].map((other) => [other.id, other])).values()];
    },
    placeholderData: (earlier) => earlier,
  });
  return (data ?? []).filter(({ id }) => id !== job.id).slice(0, MOST);
}
