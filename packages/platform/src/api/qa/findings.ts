/** How findings are written. */
import type { api } from 'hud/protocol';

/** @param evidenceRefs where to look: slugs, templates, steps */
export function finding(
  severity: 'error' | 'warning',
  summary: string,
  evidenceRefs: string[],
  more: Pick<api.qa.Finding, 'description' | 'recommendedAction'> = {},
): api.qa.Finding {
  return { summary, severity, evidenceRefs, ...more };
}
