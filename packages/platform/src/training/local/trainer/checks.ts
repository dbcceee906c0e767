/** What the trainer refuses, before it changes anything. */
import { HudError } from 'hud/protocol';
import { LOSSES, type AdamParams, type Datum, type Pass } from '../../engine.ts';
import { firstNot } from '../../numbers.ts';
import type { ModelShape } from '../shape.ts';
import { settingsOf } from './loss.ts';

const LISTS = ['targets', 'mask', 'samplingLogprobs', 'advantages', 'weights'] as const;
const CONFIG = ['clip_low_threshold', 'clip_high_threshold', 'beta'];

function refuse(what: string, hint?: string): never {
  throw new HudError('BAD_ARGUMENT', what, hint === undefined ? {} : { hint });
}

export function checkPass({ loss, config, data }: Pass, shape: ModelShape): void {
  if (!LOSSES.includes(loss)) refuse(`There is no loss "${String(loss)}".`, `The losses are ${LOSSES.join(', ')}.`);
  for (const [name, value] of Object.entries(config)) {
    if (!CONFIG.includes(name)) refuse(`The loss has no setting "${name}".`, `The settings are ${CONFIG.join(', ')}.`);
    if (!Number.isFinite(value) || value < 0) refuse(`The setting ${name} is ${value}; it must be a finite number, 0 or more.`);
  }
  const { low, high } = settingsOf({ loss, config });
  if (low > high) refuse(`clip_low_threshold is ${low}, above clip_high_threshold, which is ${high}.`, 'Both are ratios around 1.');
  checkData(data, shape);
}

export function checkData(data: readonly Datum[], { vocabulary, context }: ModelShape): void {
  if (data.length === 0) refuse('There are no data.');
  for (const [index, datum] of data.entries()) {
    const { length } = datum.input;
    if (length === 0 || length > context) refuse(`data[${index}].input has ${length} tokens; the model reads 1 to ${context}.`);
    for (const list of LISTS)
      if (datum[list].length !== length)
        refuse(`data[${index}].${list} has ${datum[list].length} entries, data[${index}].input has ${length}.`);
    for (const list of ['input', 'targets'] as const) {
      const at = firstNot(datum[list], (token) => Number.isInteger(token) && token >= 0 && token < vocabulary);
      if (at !== -1) refuse(`data[${index}].${list}[${at}] is ${datum[list][at]}, which is no token of this model.`);
    }
    for (const list of LISTS) {
      const at = firstNot(datum[list], Number.isFinite);
      if (at !== -1) refuse(`data[${index}].${list}[${at}] is ${datum[list][at]}; it must be a finite number.`);
    }
  }
}

export function checkLoss(loss: number, gradient: Float64Array): void {
  if (Number.isFinite(loss) && gradient.every(Number.isFinite)) return;
  refuse('The loss or its gradient is no finite number; nothing was added.', 'Were the tokens sampled by a policy very far from this one?');
}

export function checkAdam(params: AdamParams): void {
  for (const [name, value] of Object.entries(params))
    if (!Number.isFinite(value) || value < 0) refuse(`${name} is ${value}; it must be a finite number, 0 or more.`);
  for (const name of ['beta1', 'beta2'] as const) if (params[name] >= 1) refuse(`${name} is ${params[name]}; it must be below 1.`);
}
