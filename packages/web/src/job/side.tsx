/** What stands beside the matrix; one part that fails leaves the others. */
import type { JSX, ReactNode } from 'react';
import { Guard } from '../parts/states.tsx';
import type { Search } from '../parts/address.ts';
import { Comments } from './comments.tsx';
import { Distribution } from './distribution.tsx';
import { Faults } from './faults.tsx';
import { Groups } from './groups.tsx';
import { Notables } from './notables.tsx';
import { PassCurve } from './pass-curve.tsx';
import type { Annotations } from './use-annotations.ts';
import type { JobReport } from './use-job.ts';

interface Props {
  report: JobReport;
  /** Undefined until they are known. */
  comments: Annotations['comments'] | undefined;
  search: Search;
  set: (patch: Search) => void;
}

export function Side({ report, comments, search, set }: Props): JSX.Element {
  const parts: ReactNode[] = [
    <Faults key="faults" report={report} />,
    <Notables key="notables" report={report} />,
    <Distribution key="distribution" report={report} />,
    <PassCurve key="pass" report={report} setThreshold={(threshold) => set({ threshold })} />,
    <Groups key="groups" report={report} search={search} set={set} />,
    comments !== undefined && <Comments key="comments" jobId={report.jobId} comments={comments} />,
  ];
  return (
    <>
      {parts.map((part, i) => (
        <Guard key={i}>{part}</Guard>
      ))}
    </>
  );
}
