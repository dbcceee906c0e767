/** Which faults strike, in which order: the same for the same seed. */
export const FAULT_KINDS = {
  'kill driver': 150,
  'kill server': 60,
  'kill child': 140,
  'stop driver': 60,
  'stop server': 50,
  'stop child': 80,
  'connection reset': 130,
  blackhole: 80,
  delay: 20,
  'EMFILE driver': 40,
  'EMFILE server': 20,
  'disk full': 40,
  'torn write': 20,
  'EIO write': 40,
  'EIO sync': 30,
  'clock jump': 40,
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

export interface PlannedFault {
  kind: FaultKind;
  /** How long it lasts, in milliseconds, where it lasts. */
  ms: number;
  /** 0 to 1: which of the things it may hit. */
  aim: number;
}

/** Numbers from 0 to 1, the same for the same seed. */
export function randomOf(seed: string): () => number {
  let state = 0x9e3779b9;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every kind in its share, shuffled. Most faults are short; some outlast every patience. */
export function planFaults(count: number, random: () => number, without: readonly FaultKind[]): PlannedFault[] {
  const kinds = (Object.keys(FAULT_KINDS) as FaultKind[]).filter((kind) => !without.includes(kind));
  const total = kinds.reduce((sum, kind) => sum + FAULT_KINDS[kind], 0);
  const faults: PlannedFault[] = [];
  let owed = 0;
  for (const kind of kinds) {
    for (owed += (FAULT_KINDS[kind] / total) * count; owed >= 0.5 && faults.length < count; owed--) {
      faults.push({ kind, ms: duration(kind, random), aim: random() });
    }
  }
  for (let i = faults.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [faults[i], faults[j]] = [faults[j] as PlannedFault, faults[i] as PlannedFault];
  }
  return faults;
}

/** The store waits 10 s for a disk and for other processes, an environment is given 2 s: both sides are met. */
function duration(kind: FaultKind, random: () => number): number {
  const isLong = random() < 0.04;
  const long = 11_000 + 3_000 * random();
  const short = 200 + 2_800 * random() ** 2;
  const outlasts = kind === 'disk full' || kind.startsWith('EIO') || kind.startsWith('stop');
  return Math.round(isLong && outlasts ? long : short);
}
