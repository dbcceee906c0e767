/** Which checkpoints are looked at: the address says it, and what moves among them. */
import type { api } from 'hud/protocol';
import { useCallback, useMemo } from 'react';
import { useAddress } from '../parts/address.ts';
import { useShortcuts } from '../parts/keys.ts';
import { toggled } from './model-metrics.ts';

type Checkpoint = api.models.Checkpoint;

/** What a model began with has no checkpoint; requests call it so. */
export const BASE = 'base';

export interface Chosen {
  shown: Checkpoint | undefined;
  beside: Checkpoint | typeof BASE | undefined;
  /** Nobody chose one: the active one is shown. */
  isFollowing: boolean;
  /** Ids of those that were chosen. */
  selected: readonly string[];
  /** Ids of those that are looked at. */
  marked: readonly string[];
  choose: (id: string) => void;
  /** Adds it to those that are chosen, or takes it away. */
  select: (id: string) => void;
}

/** @param checkpoints oldest first */
export function useChosen(checkpoints: readonly Checkpoint[]): Chosen {
  const [{ at, with: other }, set] = useAddress();
  const named = checkpoints.find(({ id }) => id === at);
  const shown = named ?? checkpoints.find(({ isActive }) => isActive) ?? checkpoints.at(-1);
  const found = other === BASE ? BASE : checkpoints.find(({ id }) => id === other);
  const beside = found === shown ? undefined : found;
  const choose = useCallback((id: string) => set({ at: id, with: undefined, from: undefined }), [set]);
  const select = useCallback(
    (id: string) => {
      const pair = toggled({ at, beside: other === BASE ? undefined : other }, id);
      set({ at: pair.at, with: pair.beside, from: undefined });
    },
    [at, other, set],
  );
  const place = shown === undefined ? -1 : checkpoints.indexOf(shown);
  const move = (by: number): void => {
    const next = checkpoints[place + by];
    if (next === undefined) return;
    choose(next.id);
    document.querySelector(`[data-checkpoint="${next.id}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  useShortcuts([
    { key: 'j', label: 'Older checkpoint', run: () => move(-1) },
    { key: 'k', label: 'Newer checkpoint', run: () => move(1) },
    {
      key: 'c',
      label: 'Compare it with the one before',
      run: () => shown !== undefined && set({ at: shown.id, with: shown.prevModelCheckpointId ?? BASE, from: undefined }),
    },
  ]);
  const second = beside === undefined || beside === BASE ? undefined : beside.id;
  return {
    shown,
    beside,
    isFollowing: named === undefined,
    selected: useMemo(() => [at, second].flatMap((id) => id ?? []), [at, second]),
    marked: useMemo(() => [shown?.id, second].flatMap((id) => id ?? []), [shown?.id, second]),
    choose,
    select,
  };
}
