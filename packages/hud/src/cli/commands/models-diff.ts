import { openPlatform, type PlatformClient } from '../../api-client/index.ts';
import { Checkpoint, checkpoints, inputs } from '../../protocol/api/models.ts';
import type { Reply } from '../../protocol/api/route.ts';
import { encode } from '../../protocol/codec.ts';
import { findCheckpoint, keptOf, wayBetween, type Way } from '../checkpoint-reference.ts';
import { defineCommand, type Context } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { when } from '../record-rows.ts';
import { literalLine } from '../terminal/literal.ts';
import { table } from '../terminal/table.ts';
import { plural } from '../terminal/wording.ts';

type Inputs = Reply<typeof inputs>;

interface Side {
  node: Checkpoint;
  fed: Inputs;
}

export const modelsDiff = defineCommand({
  arguments: {
    '<model>': 'the name in requests, or an id',
    '<checkpoint>': 'an id, or a name such as step-3',
    '<other>': 'the checkpoint that it is held against',
  },
  options: {},
  notes: `Numbers of the steps that made the two, what fed those steps, and how many steps lie between. Differences
are the second less the first.`,
  run: async ({ args: [reference = '', a = '', b = ''] }, context) => {
    const client = openPlatform();
    const model = await findModel(client, reference);
    const nodes = await client.call(checkpoints, { params: { id: model.id } });
    const [one, other] = [findCheckpoint(nodes, a, model), findCheckpoint(nodes, b, model)];
    const [first, second] = await Promise.all([one, other].map(async (node) => await sideOf(client, model.id, node)));
    if (first === undefined || second === undefined) throw new TypeError('There are two sides.');
    const way = wayBetween(nodes, one, other);
    const numbers = numbersOf(first, second);
    return {
      json: {
        first: encode(Checkpoint, one),
        second: encode(Checkpoint, other),
        common: way.common?.id ?? null,
        steps_to_first: way.toFirst,
        steps_to_second: way.toSecond,
        numbers: Object.fromEntries(
          numbers.map(({ name, values: [x, y] }) => [name, { first: x, second: y, difference: difference(x, y) }]),
        ),
      },
      text: () => [wayText(one, other, way), '', ...diffTable(first, second, numbers, context)],
    };
  },
});

async function sideOf(client: PlatformClient, modelId: string, node: Checkpoint): Promise<Side> {
  return { node, fed: await client.call(inputs, { params: { id: modelId, checkpoint: node.id }, query: { limit: 1 } }) };
}

interface Compared {
  name: string;
  values: [number | null, number | null];
}

/** Those that either has: of the step, of what fed it, then its metrics by name. */
function numbersOf(first: Side, second: Side): Compared[] {
  const sides = [first, second].map(({ node, fed }): Map<string, number | null> => {
    const own = {
      reward: node.meanReward,
      learning_rate: node.learningRate,
      trajectories: node.numTraces,
      turns: node.numDatums,
      tokens: node.numTokens,
    };
    const ofInputs = { groups: fed.total, groups_without_spread: fed.flat, lag_mean: fed.lag?.mean ?? null, lag_max: fed.lag?.max ?? null };
    const metrics = Object.entries(node.metrics).filter(([name]) => !TOLD.has(name));
    return new Map([...Object.entries(own), ...Object.entries(ofInputs), ...metrics.toSorted(([x], [y]) => (x < y ? -1 : 1))]);
  });
  const names = [...new Set(sides.flatMap((side) => [...side.keys()]))];
  return names
    .map((name): Compared => ({ name, values: [sides[0]?.get(name) ?? null, sides[1]?.get(name) ?? null] }))
    .filter(({ values }) => values.some((value) => value !== null));
}

/** Metrics that say once more what the checkpoint itself says. */
const TOLD = new Set(['reward_mean', 'num_tokens', 'num_trajectories']);

function difference(first: number | null, second: number | null): number | null {
  return first === null || second === null ? null : second - first;
}

function wayText(first: Checkpoint, second: Checkpoint, { common, toFirst, toSecond }: Way): string {
  const [one, other] = [literalLine(first.name), literalLine(second.name)];
  if (first.id === second.id) return `${one} is one and the same.`;
  if (toFirst === 0) return `${other} is ${plural(toSecond, 'step')} after ${one}.`;
  if (toSecond === 0) return `${other} is ${plural(toFirst, 'step')} before ${one}.`;
  const where = common === undefined ? 'at the base weights' : `at ${literalLine(common.name)}`;
  return `They part ${where}: ${one} is ${plural(toFirst, 'step')} after it, ${other} ${plural(toSecond, 'step')}.`;
}

function diffTable({ node: first }: Side, { node: second }: Side, numbers: readonly Compared[], context: Context): string[] {
  const columns = [
    { header: '', shrinks: { min: 10 } },
    ...[first.name, second.name, 'difference'].map((header) => ({ header: literalLine(header), align: 'right' as const })),
  ];
  const words: string[][] = [
    ['created', ...[first, second].map(({ createdAt }) => when(Date.parse(createdAt), context))],
    ['loss', ...[first, second].map(({ lossFn }) => lossFn ?? '-')],
    ['weights', ...[first, second].map(keptOf)],
  ];
  const rows = numbers.map(({ name, values: [x, y] }) => [name, shown(x), shown(y), shown(difference(x, y), true)]);
  return table(columns, [...words, ...rows], context.out);
}

function shown(value: number | null, isSigned = false): string {
  if (value === null) return '-';
  const text = String(Number(value.toPrecision(4)));
  return isSigned && value > 0 ? `+${text}` : text;
}
