/** Plays the seeds that it is sent, one after the other, and reports each. Started by `campaign.ts`. */
import { PLANTS } from './plants.ts';
import { play } from './play.ts';

export interface Batch {
  from: number;
  count: number;
  plant: string | undefined;
}

process.on('message', (batch: Batch) => {
  void playAll(batch);
});
process.on('disconnect', () => leave());

async function playAll({ from, count, plant: name }: Batch): Promise<void> {
  const plant = PLANTS.find((each) => each.name === name);
  for (let seed = from; seed < from + count; seed++) process.send?.(await play(seed, plant === undefined ? {} : { plant }));
}

/** Stores of killed processes were never closed; what they would do when this real process ends is not wanted. */
function leave(): void {
  process.removeAllListeners('exit');
  process.exit();
}
