/** One job: the sentence first, then figures, then every run of every task. */
import { useNavigate, useParams } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, type JSX } from 'react';
import { useAddress, type Search } from '../parts/address.ts';
import { Facts } from '../job/facts.tsx';
import { JobHead, useIsMember } from '../job/job-head.tsx';
import { Matrix } from '../job/matrix.tsx';
import { jobSentence } from '../job/sentence.ts';
import { SentenceText } from '../job/sentence-text.tsx';
import { useAnnotations } from '../job/use-annotations.ts';
import { useJob, useReport, type JobReport, type JobView } from '../job/use-job.ts';
import { useLive } from '../job/use-live.ts';
import { useNow } from '../parts/ago.tsx';
import { Kbd } from '../parts/buttons.tsx';
import { rewardColor } from '../parts/reward.tsx';
import { Failure, Skeleton } from '../parts/states.tsx';
import { Page, type Crumb } from '../shell/shell.tsx';

/** Comes after the figures and the matrix. */
const Side = lazy(async () => ({ default: (await import('../job/side.tsx')).Side }));

const JOBS: Crumb = { text: 'Jobs', to: '/jobs' };

export function JobPage(): JSX.Element {
  const { id } = useParams({ from: '/jobs/$id' });
  const { data: job, error, refetch } = useJob(id);
  useWholeId(id, job?.id);
  const crumbs = (text: string): Crumb[] => [...(isMember ? [JOBS] : []), { text }];
  const isMember = useIsMember();
  if (job === undefined || job.id !== id) {
    return (
      <Page crumbs={crumbs(job?.name ?? 'Job')}>
        {error === null ? <Skeleton lines={16} /> : <Failure error={error} retry={() => void refetch()} />}
      </Page>
    );
  }
  return (
    <Page crumbs={crumbs(job.name)}>
      <JobContent key={job.id} job={job} isMember={isMember} />
    </Page>
  );
}

/** An address may have the first digits only, or dashes. */
function useWholeId(given: string, whole: string | undefined): void {
  const navigate = useNavigate();
  useEffect(() => {
    if (whole !== undefined && whole !== given)
      void navigate({ to: '/jobs/$id', params: { id: whole }, search: true as never, replace: true });
  }, [given, whole, navigate]);
}

function JobContent({ job, isMember }: { job: JobView; isMember: boolean }): JSX.Element {
  const [search, set] = useAddress();
  const report = useReport(job.id, reportQuery(search));
  const annotations = useAnnotations(job.id);
  const live = useLive(job.id, job.status === 'running');
  return (
    <>
      <JobHead job={job} annotations={annotations} live={live} />
      {report.data === undefined ? (
        report.error === null ? (
          <Skeleton lines={5} />
        ) : (
          <Failure error={report.error} retry={() => void report.refetch()} />
        )
      ) : (
        <Numbers job={job} report={report.data} isMember={isMember} />
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-[minmax(0,1fr)_300px]">
        <div className="grid min-w-0 gap-3">
          <Matrix jobId={job.id} search={search} set={set} />
          <Key />
        </div>
        <aside className="grid min-w-0 gap-4 sm:max-lg:grid-cols-2 sm:max-lg:items-start" aria-label="More about this job">
          <Suspense fallback={<Skeleton lines={4} />}>
            {report.data !== undefined && <Side report={report.data} comments={annotations?.comments} search={search} set={set} />}
          </Suspense>
        </aside>
      </div>
    </>
  );
}

function reportQuery({ group, threshold }: Search): { groupBy?: string; threshold?: number } {
  const least = Number(threshold);
  return { ...(group ? { groupBy: group } : {}), ...(threshold !== undefined && Number.isFinite(least) ? { threshold: least } : {}) };
}

function Numbers({ job, report, isMember }: { job: JobView; report: JobReport; isMember: boolean }): JSX.Element {
  const now = useNow(60_000);
  const pieces = useMemo(() => jobSentence({ report, status: job.status, now }), [report, job.status, now]);
  return (
    <>
      <SentenceText pieces={pieces} mayFollow={isMember} />
      <Facts report={report} />
    </>
  );
}

/** What the colours and signs of the matrix mean. */
function Key(): JSX.Element {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-ink-3">
      {[1, 0.75, 0.5, 0.25, 0].map((value) => (
        <span key={value} className="inline-flex items-center gap-1.5">
          <span className="size-2.5 rounded-xs" style={{ background: rewardColor(value) }} aria-hidden="true" />
          {value}
        </span>
      ))}
      <span>
        <span className="text-fault">◆</span> fault, not counted
      </span>
      <span>○ corrected</span>
      <span>dashed: waiting</span>
      <span className="pointer-coarse:hidden">
        Move with <Kbd>↑</Kbd> <Kbd>↓</Kbd> <Kbd>←</Kbd> <Kbd>→</Kbd>, open with <Kbd>↵</Kbd>
      </span>
    </div>
  );
}
