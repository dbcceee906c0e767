/** A process that is to be killed: makes calls as fast as it can, and tells of each that was on disk for sure. */
import { ledgerOn, makeCall, storageIn } from './ledger.fixtures.ts';

const [directory = ''] = process.argv.slice(2);
const storage = await storageIn(directory);
const ledger = ledgerOn(storage);
for (let n = 1; ; n++) {
  await makeCall(ledger);
  if (n % 7 !== 0) continue;
  await ledger.flush();
  process.stdout.write(`${n}\n`);
}
