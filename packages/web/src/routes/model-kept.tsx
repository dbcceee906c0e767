/** What is left of a checkpoint's weights, and what keeps them. */
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { Button } from '../parts/buttons.tsx';
import { useChange } from '../parts/use-call.ts';

type Checkpoint = api.models.Checkpoint;

/** What is left of its weights: only with all of it can a checkpoint be made the active one. */
export function keptOf({ hasState, checkpointName }: Checkpoint): 'all' | 'sampler' | 'none' {
  if (hasState === undefined) return 'all'; // no step made it here
  if (checkpointName === null) return 'none';
  return hasState ? 'all' : 'sampler';
}

export const NOT_KEPT: Readonly<Partial<Record<ReturnType<typeof keptOf>, string>>> = {
  sampler: 'It can be asked, but not gone back to: its optimizer’s state was not kept.',
  none: 'Its weights were not kept.',
};

export function Pin({ model, checkpoint }: { model: api.models.Model; checkpoint: Checkpoint }): JSX.Element {
  const change = useChange(routes.models.pin, [routes.models.checkpoints]);
  const isPinned = checkpoint.isPinned === true;
  const input = { params: { id: model.id, checkpoint: checkpoint.id }, body: { isPinned: !isPinned } };
  const title = isPinned ? 'Newer steps may take its place on the disk' : 'Keep its weights, however many steps follow';
  return (
    <>
      <Button title={title} disabled={change.isPending} onClick={() => change.mutate(input)}>
        {isPinned ? 'Unpin' : 'Pin'}
      </Button>
      {change.error !== null && (
        <span role="alert" className="text-r0">
          {change.error.message}
        </span>
      )}
    </>
  );
}
