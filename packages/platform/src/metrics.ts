/** Counters, gauges and histograms in the text format of Prometheus. */

type Labels = Readonly<Record<string, string>>;

interface Family {
  kind: 'counter' | 'gauge' | 'histogram';
  help: string;
  samples: Map<string, number>;
  read?: () => number;
}

/** Upper bounds in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Metrics {
  readonly #families = new Map<string, Family>();

  /** @param name as `hud_spans_total`; @param help one line. @returns adds to it */
  counter(name: string, help: string): (labels?: Labels, by?: number) => void {
    const { samples } = this.#family(name, { kind: 'counter', help });
    return (labels, by = 1) => add(samples, name + written(labels), by);
  }

  /** Read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#family(name, { kind: 'gauge', help }).read = read;
  }

  /** @returns takes seconds */
  histogram(name: string, help: string): (seconds: number, labels?: Labels) => void {
    const { samples } = this.#family(name, { kind: 'histogram', help });
    return (seconds, labels = {}) => {
      for (const bound of BUCKETS) add(samples, `${name}_bucket${written({ ...labels, le: String(bound) })}`, seconds <= bound ? 1 : 0);
      add(samples, `${name}_bucket${written({ ...labels, le: '+Inf' })}`, 1);
      add(samples, `${name}_sum${written(labels)}`, seconds);
      add(samples, `${name}_count${written(labels)}`, 1);
    };
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { kind, help, samples, read }] of this.#families) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
      if (read !== undefined) lines.push(`${name} ${read()}`);
      for (const [sample, value] of samples) lines.push(`${sample} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #family(name: string, { kind, help }: Pick<Family, 'kind' | 'help'>): Family {
    const family = this.#families.get(name) ?? { kind, help, samples: new Map() };
    this.#families.set(name, family);
    return family;
  }
}

function add(samples: Map<string, number>, sample: string, by: number): void {
  samples.set(sample, (samples.get(sample) ?? 0) + by);
}

function written(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
