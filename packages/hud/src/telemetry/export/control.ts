/** What programs may ask about reporting: is everything there, and how much went. Published as `telemetry`. */
export { type ReportCounters } from './exporter-contract.ts';
export { flush, reportCounters as counters } from './reporting.ts';
