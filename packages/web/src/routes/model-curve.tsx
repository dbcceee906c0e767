/** One curve: the way to the active checkpoint is a line, all others are dots. */
import { useEffect, useRef, useState, type JSX, type ReactNode, type RefObject } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { Copyable } from '../parts/copyable.tsx';
import { figure, plural } from '../parts/format.ts';
import { visibleLine } from '../parts/untrusted.ts';
import { axisEnd, type CurveData } from './model-metrics.ts';
import { short } from './model-numbers.ts';
import { useColors, type Colors } from './use-colors.ts';

interface Props {
  curve: CurveData;
  /** Wide, and higher than the others. */
  isMain: boolean;
  /** Of each checkpoint. */
  names: readonly string[];
  isOnPath: readonly boolean[];
  isLive: boolean;
  /** Places that are looked at. */
  marked: readonly number[];
  /** Told of a place that was clicked. */
  onPlace: RefObject<(place: number) => void>;
  /** In place of the curve's own. */
  title?: ReactNode;
}

/** What the chart shows; it asks for it whenever it draws. */
interface Now {
  marked: readonly number[];
  /** Last place of the axis. */
  end: number;
  data: uPlot.AlignedData;
}

const MAIN_PX = 190;
const SIDE_PX = 116;

export function CurveFigure({ curve, isMain, names, isOnPath, isLive, marked, onPlace, title }: Props): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const now = useRef<Now>({ marked: [], end: 1, data: [[]] });
  const [at, setAt] = useState<number>();
  const colors = useColors();
  const height = isMain ? MAIN_PX : SIDE_PX;
  const hasBand = curve.band !== undefined;
  const { leastSpan = 0 } = curve;

  // Before the chart is made: it takes what is here. Once it is there, it takes what is new, so that nothing is drawn from nothing.
  useEffect(() => {
    now.current.end = axisEnd(curve.values.length, isLive);
    now.current.data = dataOf(curve, isOnPath);
    // With a band it is another chart, which is made below.
    if (chart.current?.series.length === now.current.data.length) chart.current.setData(now.current.data);
  }, [curve, isOnPath, isLive]);

  useEffect(() => {
    now.current.marked = marked;
    chart.current?.redraw(false);
  }, [marked]);

  useEffect(() => {
    const box = place.current;
    if (box === null) return undefined;
    const made = new uPlot(optionsFor({ width: box.clientWidth, height, colors, hasBand, leastSpan, now, setAt }), now.current.data, box);
    chart.current = made;
    const click = (): void => {
      if (typeof made.cursor.idx === 'number') onPlace.current(made.cursor.idx);
    };
    made.over.addEventListener('click', click);
    const resizes = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height }));
    resizes.observe(box);
    return () => {
      resizes.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [colors, hasBand, height, leastSpan, onPlace]);

  return (
    <figure className={`box grid grid-cols-[minmax(0,1fr)] content-start gap-1 p-3 ${isMain ? 'col-span-2' : 'max-sm:p-2'}`}>
      <figcaption className="flex min-h-7 flex-wrap items-baseline justify-between gap-x-3">
        {title ?? (
          <span className="truncate font-semibold" title={curve.hint}>
            {curve.title}
          </span>
        )}
        <Readout curve={curve} names={names} at={at} />
      </figcaption>
      <div ref={place} role="img" aria-label={`${curve.title}: ${wordsFor(curve)}`} className="overflow-hidden" style={{ height }} />
    </figure>
  );
}

/** Of the step under the pointer, else of the newest. */
function Readout({ curve, names, at }: { curve: CurveData; names: readonly string[]; at: number | undefined }): JSX.Element | null {
  const last = curve.values.findLastIndex((value) => value !== null);
  const place = at !== undefined && curve.values[at] != null ? at : last;
  const value = curve.values[place];
  if (value == null) return null;
  return (
    <span className="truncate text-sm whitespace-nowrap text-ink-3 tabular-nums">
      {visibleLine(names[place] ?? '', 24)}{' '}
      <Copyable text={String(value)} className="font-semibold text-ink">
        {short(value)}
      </Copyable>
    </span>
  );
}

function wordsFor({ values }: CurveData): string {
  const known = values.flatMap((value) => value ?? []);
  if (known.length === 0) return 'no values';
  return `from ${figure(known[0] ?? 0, 4)} to ${figure(known.at(-1) ?? 0, 4)} over ${plural(known.length, 'checkpoint')}`;
}

/** Places from 1; where there is a band its edges, which are drawn first; the line, the dots. `undefined`: the line goes on over it. */
function dataOf({ values, band }: CurveData, isOnPath: readonly boolean[]): uPlot.AlignedData {
  const along = (all: readonly (number | null)[]) => all.map((value, i) => (isOnPath[i] === true ? value : undefined));
  const edges = band === undefined ? [] : [along(band.low), along(band.high)];
  const dots = values.map((value, i) => (isOnPath[i] === true ? null : value));
  return [values.map((_value, i) => i + 1), ...edges, along(values), dots] as uPlot.AlignedData;
}

interface Look {
  width: number;
  height: number;
  colors: Colors;
  hasBand: boolean;
  leastSpan: number;
  now: RefObject<Now>;
  setAt: (place: number | undefined) => void;
}

function optionsFor({ width, height, colors: color, hasBand, leastSpan, now, setAt }: Look): uPlot.Options {
  const axis = {
    stroke: color('--ink-3'),
    font: '11px ui-sans-serif, system-ui, sans-serif',
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  const dots = { show: true, size: 5, fill: color('--panel'), stroke: color('--ink-3') };
  const edge = { stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } };
  const few = height < MAIN_PX;
  return {
    width,
    height,
    legend: { show: false },
    padding: [6, 14, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 }, sync: { key: 'curves-of-a-model' } },
    scales: {
      x: { time: false, range: () => [0.5, now.current.end + 0.5] },
      ...(leastSpan > 0 && { y: { range: (_chart: uPlot, low: number, high: number) => rangeOf(low, high, leastSpan) } }),
    },
    hooks: {
      setCursor: [({ cursor }) => setAt(cursor.idx ?? undefined)],
      drawClear: [(chart) => drawMarks(chart, now.current.marked, color)],
    },
    axes: [
      { ...axis, size: 22, gap: 2, space: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000], grid: { show: false } },
      { ...axis, size: 46, space: few ? 26 : 32, values: (_chart, splits) => splits.map(tick) },
    ],
    series: [
      {},
      ...(hasBand ? [edge, edge] : []),
      { stroke: color('--accent'), width: 1.5, spanGaps: true, points: { size: few ? 4 : 5, fill: color('--accent') } },
      { paths: () => null, points: dots },
    ],
    ...(hasBand && { bands: [{ series: [2, 1] as [number, number], fill: color('--accent-soft') }] }),
  };
}

/** As the library has it, unless there is next to nothing to see. */
function rangeOf(low: number, high: number, leastSpan: number): uPlot.Range.MinMax {
  if (high - low >= leastSpan) return uPlot.rangeNum(low, high, 0.1, true);
  const middle = (low + high) / 2;
  return [middle - leastSpan / 2, middle + leastSpan / 2];
}

function tick(value: number): string {
  const isFar = value !== 0 && (Math.abs(value) >= 10_000 || Math.abs(value) < 0.001);
  const text = isFar ? value.toExponential().replace(/\.(\d)\d*/, '.$1') : String(Number(value.toPrecision(4)));
  return text.replaceAll('-', '−');
}

/** Behind the curve: where the checkpoints are that are looked at. */
function drawMarks(chart: uPlot, marked: readonly number[], color: Colors): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = color('--line-strong');
  ctx.lineWidth = devicePixelRatio * 2;
  for (const place of marked) {
    const x = chart.valToPos(place + 1, 'x', true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
