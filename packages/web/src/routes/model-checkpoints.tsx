/** Checkpoints with the tree at their left, the newest on top, in a place of their own that grows without moving the page. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import { memo, useMemo, useState, type JSX } from 'react';
import { Ago } from '../parts/ago.tsx';
import { Button, Pill } from '../parts/buttons.tsx';
import { count } from '../parts/format.ts';
import { Reward } from '../parts/reward.tsx';
import { Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { treeRows, type TreeRow } from './model-tree.ts';

type Checkpoint = api.models.Checkpoint;

interface Props {
  /** Oldest first. */
  checkpoints: readonly Checkpoint[];
  /** Id of the one that is looked at. */
  shown: string | undefined;
  /** Of those that are selected. */
  selected: readonly string[];
  onSelect: (id: string) => void;
}

/** Older ones are there when they are asked for. */
const FIRST_ROWS = 200;

export function Checkpoints({ checkpoints, shown, selected, onSelect }: Props): JSX.Element {
  const rows = useMemo(() => treeRows(checkpoints), [checkpoints]);
  const lanes = useMemo(() => rows.reduce((most, { lane }) => Math.max(most, lane), 0) + 1, [rows]);
  const [most, setMost] = useState(FIRST_ROWS);
  return (
    <div className="box max-h-[420px] overflow-auto lg:max-h-[572px]" tabIndex={0} role="region" aria-label="Checkpoints">
      <table className="w-full border-collapse" aria-label="Checkpoints">
        <thead className="sticky top-0 z-1 bg-panel">
          <tr>
            <Th style={{ width: lanes * LANE_PX + 8, minWidth: lanes * LANE_PX + 8 }}>
              <span className="sr-only">Tree</span>
            </Th>
            <Th isMain>Checkpoint</Th>
            <Th isFigure>Reward</Th>
            <Th isFigure from="sm">
              Made
            </Th>
            <Th title="Select two to compare them">
              <span className="sr-only">Select two to compare them</span>
            </Th>
          </tr>
        </thead>
        <tbody className="[&>tr:last-child>*]:border-b-0">
          {rows.slice(0, most).map((row) => (
            <CheckpointRow
              key={row.checkpoint.id}
              row={row}
              lanes={lanes}
              isShown={row.checkpoint.id === shown}
              isSelected={selected.includes(row.checkpoint.id)}
              onSelect={onSelect}
            />
          ))}
        </tbody>
      </table>
      {rows.length > most && (
        <p className="p-2">
          <Button onClick={() => setMost(most + 5 * FIRST_ROWS)}>Show older ones of {count(rows.length)}</Button>
        </p>
      )}
    </div>
  );
}

interface RowProps {
  row: TreeRow;
  lanes: number;
  isShown: boolean;
  isSelected: boolean;
  onSelect: (id: string) => void;
}

const CheckpointRow = memo(function CheckpointRow({ row, lanes, isShown, isSelected, onSelect }: RowProps): JSX.Element {
  const { id, name, meanReward, createdAt, isActive } = row.checkpoint;
  return (
    <tr className={isShown || isSelected ? 'bg-accent-soft' : 'hover:bg-sunk'} data-checkpoint={id}>
      <Td className="relative !p-0">
        <TreeCell row={row} lanes={lanes} />
      </Td>
      <Td isMain className="font-[550]">
        <Link
          to="."
          search={((before: object) => ({ ...before, at: id, with: undefined, from: undefined })) as never}
          replace
          resetScroll={false}
          aria-current={isShown ? 'true' : undefined}
          className="hover:text-accent pointer-coarse:inline-block pointer-coarse:py-2"
        >
          {visibleLine(name, 80)}
        </Link>
        {isActive && (
          <span className="ml-2">
            <Pill tone="live" title="It answers requests, and training goes on from it">
              active
            </Pill>
          </span>
        )}
      </Td>
      <Td isFigure>
        <Reward value={meanReward} />
      </Td>
      <Td isFigure from="sm" className="text-ink-2">
        <Ago time={createdAt} />
      </Td>
      <Td>
        <input
          type="checkbox"
          aria-label={`Select ${visibleLine(name, 80)}`}
          checked={isSelected}
          onChange={() => onSelect(id)}
          className="accent-(--accent) pointer-coarse:size-5"
        />
      </Td>
    </tr>
  );
}, isSameRow);

/** Trees are made anew with each step; most of their rows are as they were. */
function isSameRow(a: RowProps, b: RowProps): boolean {
  const { row, ...rest } = a;
  const { row: other, ...others } = b;
  const names = Object.keys(rest) as (keyof typeof rest)[];
  return names.every((name) => rest[name] === others[name]) && row.checkpoint === other.checkpoint && shapeOf(row) === shapeOf(other);
}

function shapeOf({ checkpoint: _checkpoint, ...lines }: TreeRow): string {
  return JSON.stringify(lines);
}

const LANE_PX = 16;

/** The newest is on top: lines come from children above and lead on to the parent below, however high the row is. */
function TreeCell({
  row: { lane, isOnPath, joining, passing, hasParent, checkpoint },
  lanes,
}: {
  row: TreeRow;
  lanes: number;
}): JSX.Element {
  const x = (at: number): number => at * LANE_PX + 10;
  const width = lanes * LANE_PX + 4;
  const size = checkpoint.isActive ? 11 : 9;
  const color = colorOf({ isOnPath });
  return (
    <>
      <svg
        viewBox={`0 0 ${width} 100`}
        preserveAspectRatio="none"
        className="absolute top-0 left-0 h-[calc(100%+1px)]"
        width={width}
        fill="none"
        aria-hidden="true"
      >
        <g strokeWidth="1.5" className="[&>path]:[vector-effect:non-scaling-stroke]">
          {passing.map((line) => (
            <path key={line.lane} d={`M${x(line.lane)},0 V100`} stroke={colorOf(line)} />
          ))}
          {joining.map((line) => (
            <path key={line.lane} d={`M${x(line.lane)},0 C${x(line.lane)},50 ${x(lane)},0 ${x(lane)},50`} stroke={colorOf(line)} />
          ))}
          {hasParent && <path d={`M${x(lane)},50 V100`} stroke={color} />}
        </g>
      </svg>
      <span
        className="absolute top-1/2 -translate-1/2 rounded-full border-[1.5px]"
        style={{ left: x(lane), width: size, height: size, borderColor: color, background: checkpoint.isActive ? color : 'var(--panel)' }}
        aria-hidden="true"
      />
    </>
  );
}

function colorOf({ isOnPath }: { isOnPath: boolean }): string {
  return isOnPath ? 'var(--accent)' : 'var(--ink-3)';
}
