/** The record, read-only and without a script: jobs, the runs of one, the steps of a run. */
import { api } from 'hud/protocol';
import { html } from 'hono/html';
import type { Caller } from '../../caller.ts';
import type { Context } from '../../context.ts';
import { jobSums, listJobs, listRuns, modelUse } from '../../storage/runs/index.ts';
import type { Router } from '../bind.ts';
import { eventsOf } from '../runs/events.ts';
import { requireJob } from '../runs/jobs.ts';
import { requireRun } from '../runs/traces.ts';
import { jobItem, runItem } from '../runs/traces-view.ts';
import { goTo, page, plain, type Html } from './page.ts';

const MOST_JOBS = 100;
const MOST_RUNS = 500;
const MOST_EVENTS = 1_000;
/** Of one text; the whole of it is in the API's answer. */
const MOST_CHARACTERS = 20_000;

export function addRecordPages(router: Router, context: Context): void {
  router.on(api.pages.home, async () => goTo('/jobs'));
  router.on(api.pages.jobs, async (call) => await signedIn(call, async (caller) => await jobsPage(context, caller)));
  router.on(api.pages.job, async (call) => await signedIn(call, async (caller) => await jobPage(context, caller, call.params.id)));
  router.on(api.pages.trace, async (call) => await signedIn(call, async (caller) => await tracePage(context, caller, call.params.id)));
}

/** Whoever is not signed in does so first. */
async function signedIn(
  { request, caller }: { request: Request; caller: Caller | undefined },
  show: (caller: Caller) => Promise<Response>,
): Promise<Response> {
  if (caller !== undefined && caller.traceId === undefined && caller.scopes.has('read')) return await show(caller);
  return goTo(`/login?next=${encodeURIComponent(new URL(request.url).pathname)}`);
}

async function jobsPage({ db }: Context, { teamId }: Caller): Promise<Response> {
  const { items } = await listJobs(db, teamId, { limit: MOST_JOBS, sort: 'newest' });
  const sums = await jobSums(
    db,
    items.map(({ id }) => id),
  );
  const rows = items.map((row) => jobItem(row, sums.get(row.id)));
  const content =
    rows.length === 0
      ? html`<p>Nothing is recorded yet. <code>hud eval</code> records here.</p>`
      : html`<table>
          <thead>
            <tr>
              <th>Job</th>
              <th>Status</th>
              <th class="n">Reward</th>
              <th class="n">Runs</th>
              <th class="n">Cost</th>
              <th>Begun</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (job) =>
                html`<tr>
                  <td><a href="/jobs/${job.id}">${plain(job.name)}</a></td>
                  <td>${job.status}</td>
                  <td class="n">${decimals(job.meanReward)}</td>
                  <td class="n">${job.runs}</td>
                  <td class="n">${usd(job.costUsd)}</td>
                  <td>${time(job.createdAt)}</td>
                </tr>`,
            )}
          </tbody>
        </table>`;
  return await page(content, { title: 'Jobs', isWide: true });
}

async function jobPage(context: Context, { teamId }: Caller, id: string): Promise<Response> {
  const { db } = context;
  const job = await requireJob(context, teamId, id);
  const [sums, { items, nextCursor }] = await Promise.all([
    jobSums(db, [job.id]),
    listRuns(db, teamId, { jobId: job.id, limit: MOST_RUNS }),
  ]);
  const use = await modelUse(
    db,
    teamId,
    items.map((row) => row.trace_id),
  );
  const view = jobItem(job, sums.get(job.id));
  const content = html`<p><a href="/jobs">Jobs</a></p>
    ${facts([
      ['Status', view.status],
      ['Mean reward', `${decimals(view.meanReward)} (n = ${view.graded})`],
      ['Agent', plain(view.model ?? view.agent ?? '–')],
      ['Cost', usd(view.costUsd)],
      ['Begun', time(view.createdAt)],
    ])}
    <table>
      <thead>
        <tr>
          <th>Run</th>
          <th>Task</th>
          <th>Ended</th>
          <th class="n">Reward</th>
          <th class="n">Cost</th>
          <th>What went wrong</th>
        </tr>
      </thead>
      <tbody>
        ${items
          .map((row) => runItem(row, use.get(row.trace_id)))
          .map(
            (run) =>
              html`<tr>
                <td><a href="/trace/${run.id}">${run.id.slice(0, 8)}</a></td>
                <td>${plain(run.slug)} #${run.repeat + 1}</td>
                <td>${run.class ?? run.status}</td>
                <td class="n">${decimals(run.reward)}</td>
                <td class="n">${usd(run.costUsd)}</td>
                <td>${plain((run.error ?? '').slice(0, 200))}</td>
              </tr>`,
          )}
      </tbody>
    </table>
    ${nextCursor === undefined ? '' : html`<p class="note">Only the first ${MOST_RUNS} are shown; the API and <code>hud jobs</code> have all.</p>`}`;
  return await page(content, { title: plain(view.name), isWide: true });
}

async function tracePage(context: Context, { teamId }: Caller, id: string): Promise<Response> {
  const run = await requireRun(context, teamId, id);
  const [{ items, nextCursor }, use] = await Promise.all([
    context.store.listSpans(run.trace_id, { limit: MOST_EVENTS, blobs: 'reference' }),
    modelUse(context.db, teamId, [run.trace_id]),
  ]);
  const view = runItem(run, use.get(run.trace_id));
  const content = html`<p><a href="/jobs">Jobs</a> · <a href="/jobs/${view.jobId}">the job</a></p>
    ${facts([
      ['Task', `${plain(view.slug)} #${view.repeat + 1}`],
      ['Ended', view.class ?? view.status],
      ['Reward', decimals(view.reward)],
      ['Cost', usd(view.costUsd)],
      ['Begun', time(view.startTime)],
      ...(view.error === null ? [] : [['Error', plain(view.error)] as const]),
    ])}
    <ol class="steps">
      ${eventsOf(items, { url: '', isAll: false }).map(eventItem)}
    </ol>
    ${nextCursor === undefined ? '' : html`<p class="note">Only the first ${MOST_EVENTS} steps are shown; <code>hud trace</code> has all.</p>`}`;
  return await page(content, { title: `Run ${view.id.slice(0, 8)}`, isWide: true });
}

function eventItem(event: api.traces.TraceEvent): Html {
  const texts = [event.reasoning, event.text, event.resultText].filter((text) => typeof text === 'string' && text !== '') as string[];
  const calls = (event.toolCalls ?? []).map((call) => `→ ${String(call.name)}(${JSON.stringify(call.arguments ?? {})})`);
  return html`<li>
    <h2>${TITLES[event.kind] ?? event.kind}${event.toolName === undefined ? '' : ` ${plain(event.toolName)}`}</h2>
    ${[...texts, ...calls].map((text) => html`<pre>${shown(text)}</pre>`)}
    ${event.error == null || event.error === event.resultText ? '' : html`<pre class="bad">${shown(event.error)}</pre>`}
    ${(event.artifacts ?? []).map(artifact)}
  </li>`;
}

const TITLES: Readonly<Record<string, string>> = {
  agent_message: 'Agent',
  tool_call: 'Tool',
  tool_result: 'Tool',
  environment: 'Environment',
  user_message: 'Prompt',
  subagent: 'Subagent',
};

function artifact({ type, mimeType = '', url }: api.traces.Artifact): Html {
  if (type === 'image' && /^(\/v2\/blobs\/|data:image\/(png|jpeg|webp|gif);)/.test(url))
    return html`<img src="${url}" alt="${mimeType}" loading="lazy" />`;
  return html`<p>${type} ${mimeType}</p>`;
}

function facts(rows: readonly (readonly [string, string])[]): Html {
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** Line breaks stay, all else that steers a terminal or turns text around is shown as such. */
function shown(text: string): string {
  const cut =
    text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)} … (${text.length - MOST_CHARACTERS} characters more)` : text;
  return cut.split('\n').map(plain).join('\n');
}

function decimals(value: number | null | undefined): string {
  return value == null ? '–' : value.toFixed(3);
}

function usd(value: number | null | undefined): string {
  return value == null ? '–' : `$${value.toFixed(value < 0.01 ? 5 : 2)}`;
}

function time(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
