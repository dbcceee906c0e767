/**
 * For the test of every route as a stranger: a team that has one of everything, and for each route the requests that
 * reach for it. A route without an entry fails the test, so whoever adds one says here how it could be misused.
 */
import { createHash, randomUUID } from 'node:crypto';
import { api } from 'hud/protocol';
import { expect } from 'vitest';
import { exactEngine } from '../src/training/exact.fixtures.ts';
import type { PlatformOptions } from '../src/server.ts';
import type { Answer, Tenant, TestPlatform } from './tenant.ts';

/** In every text of the team; nobody else may ever read it. */
export const MARKER = 'marker-of-team-a';

/** What the team has, by what it is. */
export interface Owned {
  team: string;
  user: string;
  member: string;
  key: string;
  job: string;
  /** A run that goes on, and one that has ended. */
  trace: string;
  ended: string;
  blob: string;
  taskset: string;
  task: string;
  /** That everybody has. */
  check: string;
  environment: string;
  /** That anybody may fork, and its fork. */
  served: string;
  model: string;
  /** A fork that the platform's engine can train, and its checkpoint. */
  trained: string;
  checkpoint: string;
  qaAgent: string;
  /** That everybody has, for runs. */
  traceCheck: string;
  qaResult: string;
  /** On the run that goes on. */
  comment: string;
  /** A link to the job. */
  share: string;
}

export interface Attempt {
  /** By the names in the path. */
  path?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string | undefined>>;
  /** An object is sent as JSON. */
  body?: object | string;
  /** Even the owner is refused: what it asks for is not there, or not done here. */
  isFutile?: boolean;
  /** The answer goes on until the reader leaves. */
  isEndless?: boolean;
}

/** In an attempt: an id that nobody has used yet, another one each time it is sent. */
export const FRESH = 'fresh'.repeat(6) + 'id';

export const hex = (): string => randomUUID().replaceAll('-', '');
const TASK_CHECK = `${MARKER} of tasks`;
const BLOB = `a picture with ${MARKER}`;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const UPSTREAMS = {
  upstreams: [{ name: 'nowhere', dialects: ['openai-chat'], base_url: 'http://127.0.0.1:9/v1' }],
  models: [
    { model_name: 'base', name: 'Base', upstream: 'nowhere', upstream_model: 'base', is_trainable: true, price: { input: 1, output: 1 } },
  ],
};

/** @param directory of saved weights */
export function training(directory: string): Pick<PlatformOptions, 'training'> {
  return { training: { engine: exactEngine(directory) } };
}

const PASS = {
  inputs: [1, 0].map((reward) => ({ samples: [{ prompt_token_ids: [1], output_token_ids: [2 + reward], output_logprobs: [-1] }], reward })),
  group_size: 2,
};

export async function fillTeam(platform: TestPlatform, a: Tenant): Promise<Owned> {
  const own = async (answer: Promise<Answer>): Promise<Answer['body']> => {
    const { status, body, text } = await answer;
    expect(status, text).toBe(200);
    return body;
  };
  const [job, trace, ended, blob] = [hex(), hex(), hex(), sha256(BLOB)];
  await own(a.patch(`/v2/teams/${a.teamId}`, { name: MARKER }));
  const member = await own(a.post(`/v2/teams/${a.teamId}/members`, { email: `${MARKER}@example.com` }));
  const key = await own(a.post('/v2/api-keys', { name: MARKER }));
  const taskset = await own(a.post('/v2/tasks/upload', { taskset_name: MARKER, tasks: [taskOf(MARKER)] }));
  const environment = await own(a.post('/v2/registry', { name: MARKER, manifest: { tasks: [{ id: MARKER }] } }));
  await own(a.post(`/v2/trace/job/${job}/enter`, { name: MARKER, group: 1 }));
  for (const id of [trace, ended]) {
    await own(a.post(`/v2/trace/${id}/enter`, { job_id: job, task_slug: `${MARKER}-${id.slice(0, 4)}`, agent: MARKER, model: MARKER }));
    await own(a.post(`/v3/api/trace/${id}/telemetry-upload`, { telemetry: [spanOf(id, firstSpan(id))] }));
  }
  await own(a.post(`/v2/trace/${ended}/exit`, { status: 'completed', reward: 0.25, metadata: { note: MARKER } }));
  await own(
    platform.request(`/v2/blobs/${blob}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${a.key}`, 'content-type': 'image/png' },
      body: BLOB,
    }),
  );
  const models = (await own(a.get('/v2/models'))).items as { id: string; model_name: string }[];
  const served = models.find(({ model_name: name }) => name === 'base')?.id ?? '';
  const model = await own(a.post('/v2/models/fork', { source_model_id: served, name: MARKER }));
  const bigram = models.find(({ model_name: name }) => name === 'bigram')?.id;
  const trained = await own(a.post('/v2/models/fork', { source_model_id: bigram, name: `${MARKER} trained` }));
  const keyed = { authorization: `Bearer ${a.key}`, 'content-type': 'application/json', 'idempotency-key': MARKER };
  const pass = { method: 'POST', headers: keyed, body: JSON.stringify(PASS) };
  await own(platform.request(`/v1/models/${trained.id}/train/forward-backward`, pass));
  const step = await own(a.post(`/v1/models/${trained.id}/train/optim-step`, { learning_rate: 0.1 }));
  await own(a.post(`/v1/models/${trained.id}/train/forward-backward`, PASS));
  const qaAgent = await own(a.post('/v2/qa-agents', { name: MARKER, subject_type: 'taskset', model_name: 'base', instructions: MARKER }));
  const checks = (await own(a.get('/v2/qa-agents?subject_type=taskset'))).items as { id: string; model_name: string | null }[];
  const built = checks.find(({ model_name: name }) => name === null)?.id ?? '';
  const [qaResult] = await own(a.post(`/v2/qa-agents/${built}/run-resources`, { subject_ids: [taskset.taskset_id] }));
  const [task] = (await own(a.get(`/v2/tasksets/${taskset.taskset_id}/export`))).tasks;
  await own(a.post('/v2/qa-agents', { name: TASK_CHECK, subject_type: 'task', model_name: 'base', instructions: MARKER }));
  const { checks: known } = await own(a.get('/v2/qa/checks'));
  const check = (known as { key: string; subject_type: string }[]).find(({ subject_type: type }) => type === 'task') ?? { key: '' };
  const [traceCheck] = (await own(a.get('/v2/qa-agents?subject_type=trace'))).items;
  await own(a.post(`/v2/qa-agents/${traceCheck.id}/run`, { trace_ids: [ended] }));
  await own(a.post('/v2/qa/runs', { check_keys: [check.key], task_ids: [task.id] }));
  await own(put(platform, a, `/v2/jobs/${job}/star`, { is_starred: true }));
  await own(put(platform, a, `/v2/jobs/${job}/tags`, { tags: [MARKER] }));
  await own(a.post(`/v2/trace/${ended}/corrections`, { reward: 0.75, reason: MARKER }));
  const { comments } = await own(a.post(`/v2/trace/${trace}/comments`, { text: MARKER }));
  const { share } = await own(a.post('/v2/shares', { kind: 'job', id: job }));
  for (const [scope, id] of [
    ['team', a.teamId],
    ['job', job],
    ['run', trace],
    ['key', key.key.id],
  ])
    await own(put(platform, a, '/v2/budgets', { scope, id, limit_usd: 7.25 }));
  return {
    team: a.teamId,
    user: a.userId,
    member: member.member.user_id,
    key: key.key.id,
    job,
    trace,
    ended,
    blob,
    taskset: taskset.taskset_id,
    task: task.id,
    check: check.key,
    environment: environment.id,
    served,
    model: model.id,
    trained: trained.id,
    checkpoint: step.checkpoint_id,
    qaAgent: qaAgent.id,
    traceCheck: traceCheck.id,
    qaResult: qaResult.id,
    comment: comments[0].id,
    share: share.id,
  };
}

async function put(platform: TestPlatform, { key }: Tenant, path: string, body: object): Promise<Answer> {
  return await platform.request(path, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function taskOf(name: string): object {
  return { name, env: { name: MARKER }, task_id: MARKER, args: { word: MARKER } };
}

/** The id of the span that the team itself sent. */
function firstSpan(traceId: string): string {
  return traceId.slice(0, 16);
}

function spanOf(traceId: string, spanId: string = hex().slice(0, 16)): Record<string, unknown> {
  return {
    name: 'step.agent',
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: null,
    kind: 'INTERNAL',
    start_time: '2026-08-21T10:00:00.125000Z',
    end_time: '2026-08-21T10:00:02.500000Z',
    status_code: 'OK',
    status_message: null,
    attributes: { 'hud.schema': 'hud.step.v1', 'hud.task_run_id': traceId, 'hud.payload': { source: 'agent', content: MARKER } },
    events: [],
  };
}

function otlpOf(traceId: string): object {
  const time = '1700000000000000000';
  const span = { traceId, spanId: hex().slice(0, 16), name: 'chat', kind: 1, startTimeUnixNano: time, endTimeUnixNano: time };
  return { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 'test' }, spans: [span] }] }] };
}

const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const jobRow = (id: string): object => ({ job: { id, name: 'taken', group: 1, status: 'completed', created_at: 1_000, config: {} } });
const runRow = (trace_id: string, job_id: string): object => ({
  run: {
    trace_id,
    job_id,
    slug: 'taken',
    task_id: 't',
    repeat: 0,
    attempt: 1,
    started_at: 2_000,
    class: 'graded',
    status: 'completed',
    reward: 1,
    ended_at: 3_000,
  },
});

const one = (path: Record<string, string>, rest: Omit<Attempt, 'path'> = {}): Attempt[] => [{ path, ...rest }];
const none = (): Attempt[] => [{}];

/** By method and path: what a stranger tries with what the team has. In the order in which the owner may do it all. */
export const ATTEMPTS: Readonly<Record<string, (a: Owned) => Attempt[]>> = {
  'GET /jobs': none,
  'GET /jobs/{id}': ({ job }) => one({ id: job }),
  'GET /trace/{id}': ({ trace, ended }) => [trace, ended].map((id) => ({ path: { id } })),
  'GET /jobs/{id}/compare/{other}': ({ job }) => one({ id: job, other: job }),
  'GET /tasksets': none,
  'GET /tasksets/{id}': ({ taskset }) => one({ id: taskset }),
  'GET /environments': none,
  'GET /environments/{id}': ({ environment }) => one({ id: environment }),
  'GET /models': none,
  'GET /models/{id}': ({ model }) => one({ id: model }),
  'GET /usage': none,
  'GET /settings': none,
  'GET /v2/me': none,
  'GET /v2/auth/me': none,
  'GET /v2/projects': none,
  'POST /v2/projects': () => [{ body: { name: MARKER } }],
  'GET /v2/projects/{id}': ({ team }) => one({ id: team }),
  'GET /v2/api-keys': none,
  'POST /v2/api-keys': () => [{ body: { name: 'taken', team_id: 'taken' } }],
  'GET /v2/teams': none,
  'POST /v2/teams': () => [{ body: { name: 'taken' } }],
  'PATCH /v2/teams/{team}': ({ team }) => one({ team }, { body: { name: `${MARKER} taken` } }),
  'GET /v2/teams/{team}/members': ({ team }) => one({ team }),
  'POST /v2/teams/{team}/members': ({ team }) => one({ team }, { body: { email: 'taken@example.com', role: 'admin' } }),
  'PATCH /v2/teams/{team}/members/{user}': ({ team, member }) => one({ team, user: member }, { body: { role: 'viewer' } }),
  'POST /v2/trace/{id}/key': ({ trace, ended }) => [trace, ended].map((id) => ({ path: { id }, body: {} })),
  'GET /v2/jobs': ({ job, taskset }) => [
    {},
    { query: { search: MARKER } },
    { query: { search: job.slice(0, 8) } },
    { query: { taskset } },
    { query: { agent: MARKER } },
    { query: { tag: MARKER } },
  ],
  'GET /v2/jobs/{id}': ({ job }) => [job, job.slice(0, 8)].map((id) => ({ path: { id } })),
  'GET /v2/jobs/{id}/report': ({ job }) => [{ path: { id: job } }, { path: { id: job }, query: { group_by: MARKER } }],
  'GET /v2/jobs/{id}/matrix': ({ job }) => one({ id: job }),
  'GET /v2/jobs/{id}/compare/{other}': ({ job }) => one({ id: job, other: job }),
  'GET /v2/jobs/{id}/export': ({ job }) => one({ id: job }),
  'GET /v2/jobs/{id}/traces': ({ job }) => one({ id: job }),
  'GET /v2/jobs/{id}/live': ({ job }) => one({ id: job }, { isEndless: true }),
  'GET /v2/jobs/{id}/holdings': ({ job }) => one({ id: job }),
  'GET /v2/trace/{id}': ({ trace, ended }) => [trace, ended].map((id) => ({ path: { id } })),
  'GET /v2/trace/{id}/events': ({ trace }) => [{ path: { id: trace } }, { path: { id: trace }, query: { kinds: 'all' } }],
  'GET /v2/trace/{id}/spans': ({ trace }) => [{ path: { id: trace } }, { path: { id: trace }, query: { blobs: 'inline' } }],
  'GET /v2/trace/{id}/steps': ({ trace }) => [
    { path: { id: trace } },
    { path: { id: trace }, query: { at: firstSpan(trace), body: 'none' } },
  ],
  'GET /v2/trace/{id}/film': ({ trace }) => one({ id: trace }),
  'GET /v2/trace/{id}/search': ({ trace }) => one({ id: trace }, { query: { q: MARKER } }),
  'GET /v2/trace/{id}/spans/{span}': ({ trace }) => [
    { path: { id: trace, span: firstSpan(trace) } },
    { path: { id: trace, span: firstSpan(trace) }, query: { blobs: 'inline' } },
  ],
  'GET /v2/trace/{id}/download': ({ trace }) => one({ id: trace }),
  'GET /v2/trace/{id}/live': ({ trace }) => one({ id: trace }, { isEndless: true }),
  'GET /v2/trace/{id}/screens': ({ trace, ended }) => [trace, ended].map((id) => ({ path: { id } })),
  'GET /v2/trace/{id}/screens/{name}': ({ trace }) => one({ id: trace, name: 'desktop' }, { isFutile: true }),
  'POST /v2/trace/{id}/screens/{name}/take-over': ({ trace }) => one({ id: trace, name: 'desktop' }, { body: {}, isFutile: true }),
  'POST /v2/trace/{id}/screens/{name}/release': ({ trace }) => one({ id: trace, name: 'desktop' }, { isFutile: true }),
  'GET /v2/screens/driver': () => [{ isFutile: true }],
  'GET /v2/trace/{id}/calls': ({ trace }) => one({ id: trace }),
  'GET /v2/trace/{id}/otlp': ({ ended }) => one({ id: ended }),
  'GET /v2/blobs/{sha256}': ({ blob }) => one({ sha256: blob }),
  'POST /v2/blobs/missing': ({ blob }) => [{ body: { sha256: [blob] } }],
  'PUT /v2/blobs/{sha256}': ({ blob }) => one({ sha256: blob }, { body: 'other bytes', isFutile: true }),
  'POST /v2/trace/job/{id}/enter': ({ job, taskset }) => [
    { path: { id: job }, body: { name: 'taken' } },
    { path: { id: FRESH }, body: { name: 'taken', taskset_id: taskset } },
  ],
  'POST /v2/trace/{id}/enter': ({ trace, ended, job }) => [
    { path: { id: trace }, body: { agent: 'taken' } },
    { path: { id: ended }, body: { job_id: job } },
    { path: { id: FRESH }, body: { job_id: job, task_slug: 'taken' } },
    { path: { id: FRESH }, body: { parent_trace_id: trace } },
  ],
  'POST /v3/api/trace/{id}/telemetry-upload': ({ trace }) => one({ id: trace }, { body: { telemetry: [spanOf(trace)] } }),
  'POST /v2/record': ({ job, trace }) => [
    { body: lines(jobRow(job)) },
    { body: lines({ task: { job_id: job, slug: 'taken', position: 9, row: {} } }) },
    { body: lines({ span: spanOf(trace) }) },
    { body: lines(jobRow(FRESH), runRow(trace, job)) },
    { body: lines(runRow(FRESH, job)) },
  ],
  'POST /v1/traces': ({ trace }) => [{ body: otlpOf(trace) }],
  'GET /v2/tasksets': () => [{}, { query: { search: MARKER } }],
  'POST /v2/tasksets': () => [{ body: { name: MARKER.toUpperCase() } }],
  'GET /v2/tasksets/by-name/{name}': ({ taskset }) => [MARKER, taskset].map((name) => ({ path: { name }, isFutile: name === taskset })),
  'GET /v2/tasksets/{id}': ({ taskset }) => one({ id: taskset }),
  'GET /v2/tasksets/{id}/export': ({ taskset }) => [{ path: { id: taskset } }, { path: { id: taskset }, query: { version: '1' } }],
  'GET /v2/tasksets/{id}/versions': ({ taskset }) => one({ id: taskset }),
  'GET /v2/tasksets/{id}/rows': ({ taskset }) => [
    { path: { id: taskset } },
    { path: { id: taskset }, query: { search: MARKER, version: '1' } },
  ],
  'GET /v2/tasksets/{id}/diff': ({ taskset }) => one({ id: taskset }, { query: { from: '0', to: '1' } }),
  'GET /v2/tasksets/{id}/leaderboard': ({ taskset }) => one({ id: taskset }),
  'GET /v2/tasksets/{id}/health': ({ taskset }) => one({ id: taskset }),
  'POST /v2/tasks/upload': ({ taskset }) => [
    { body: { taskset_name: 'taken', taskset_id: taskset, tasks: [taskOf('taken')] } },
    { body: { taskset_name: taskset, tasks: [taskOf('taken')] } },
  ],
  'GET /v2/registry': () => [{}, { query: { search: MARKER } }],
  'GET /v2/registry/{id}': ({ environment }) => one({ id: environment }),
  'GET /v2/registry/{id}/versions': ({ environment }) => one({ id: environment }),
  'GET /v2/registry/{id}/uses': ({ environment }) => one({ id: environment }),
  'POST /v2/registry': () => [{ body: { name: 'taken' } }],
  'GET /v2/models': none,
  'GET /v2/models/resolve': () => [{ query: { model: MARKER } }],
  'GET /v2/models/{id}/checkpoints': ({ model, trained, checkpoint }) => [
    ...one({ id: model }),
    ...one({ id: trained }, { query: { after: checkpoint } }),
  ],
  'GET /v2/models/{id}/tasks': ({ trained }) => one({ id: trained }),
  'PUT /v2/models/{id}/checkpoints/{checkpoint}/pin': ({ trained, checkpoint }) =>
    one({ id: trained, checkpoint }, { body: { is_pinned: true } }),
  'GET /v2/models/{id}/checkpoints/{checkpoint}/inputs': ({ trained, checkpoint }) => one({ id: trained, checkpoint }),
  'POST /v2/models/{id}/samples': ({ trained }) => one({ id: trained }, { body: { prompt: MARKER, max_tokens: 1 } }),
  'POST /v2/models/fork': ({ model }) => [{ body: { source_model_id: model, name: 'taken' } }],
  'PUT /v2/models/{id}/head': ({ model }) => one({ id: model }, { body: { checkpoint_id: FRESH }, isFutile: true }),
  'GET /v1/models/{id}/train/losses': ({ trained }) => one({ id: trained }),
  'GET /v1/models/{id}/train/operations/{operation}': ({ trained }) => one({ id: trained, operation: MARKER }),
  'POST /v1/models/{id}/train/forward-backward': ({ trained, ended }) => [
    { path: { id: trained }, body: PASS },
    { path: { id: trained }, body: { inputs: [ended] }, isFutile: true }, // no tokens were sampled there
  ],
  'POST /v1/models/{id}/train/forward': ({ trained }) => one({ id: trained }, { body: { inputs: PASS.inputs } }),
  'POST /v1/models/{id}/train/backward': ({ trained }) => one({ id: trained }, { body: { forward_id: 'f', weights: [] }, isFutile: true }),
  'POST /v1/models/{id}/train/optim-step': ({ trained }) => one({ id: trained }, { body: { learning_rate: 0.1 } }),
  'GET /v2/qa-agents': () => [{}, { query: { subject_type: 'taskset' } }],
  'POST /v2/qa-agents': () => [{ body: { name: 'taken', subject_type: 'taskset', model_name: 'base', instructions: 'taken' } }],
  'POST /v2/qa-agents/{id}/run-resources': ({ qaAgent, taskset }) => one({ id: qaAgent }, { body: { subject_ids: [taskset] } }),
  'GET /v2/qa-agents/results/resources': ({ qaResult, taskset }) => [
    { query: { result_ids: qaResult } },
    { query: { subject_type: 'taskset', subject_ids: taskset } },
  ],
  'GET /v2/qa-agents/{id}': ({ qaAgent }) => one({ id: qaAgent }),
  'POST /v2/qa-agents/{id}/run': ({ traceCheck, ended }) => one({ id: traceCheck }, { body: { trace_ids: [ended] } }),
  'GET /v2/qa-agents/results': ({ ended }) => [{ query: { subject_trace_ids: ended } }],
  'GET /v2/qa-agents/results/{id}/rollout': ({ qaResult }) => one({ id: qaResult }),
  'GET /v2/qa/checks': none,
  'POST /v2/qa/runs': ({ task, check, ended }) => [
    ...[check, TASK_CHECK].map((key) => ({ body: { check_keys: [key], task_ids: [task] } })),
    { body: { check_keys: ['trace-graded'], trace_ids: [ended] } },
  ],
  'GET /v2/qa/results': ({ task, ended }) => [
    { query: { task_ids: task } },
    { query: { task_ids: task, include_history: 'true' } },
    { query: { trace_ids: ended } },
  ],
  'GET /v2/usage': () => ['model', 'job', 'key', 'trace'].map((group) => ({ query: { group_by: group } })),
  'GET /v2/budgets': none,
  'PUT /v2/budgets': ({ team, job, trace, key }) =>
    Object.entries({ team, job, run: trace, key }).map(([scope, id]) => ({ body: { scope, id, limit_usd: 0 } })),
  'DELETE /v2/budgets': ({ team, job, trace, key }) =>
    Object.entries({ team, job, run: trace, key }).map(([scope, id]) => ({ query: { scope, id } })),
  'GET /v2/trace/{id}/annotations': ({ trace, ended }) => [trace, ended].map((id) => ({ path: { id } })),
  'GET /v2/jobs/{id}/annotations': ({ job }) => one({ id: job }),
  'PUT /v2/trace/{id}/star': ({ trace }) => one({ id: trace }, { body: { is_starred: true } }),
  'PUT /v2/jobs/{id}/star': ({ job }) => one({ id: job }, { body: { is_starred: false } }),
  'PUT /v2/trace/{id}/tags': ({ trace }) => one({ id: trace }, { body: { tags: ['taken'] } }),
  'PUT /v2/jobs/{id}/tags': ({ job }) => one({ id: job }, { body: { tags: [] } }),
  'POST /v2/trace/{id}/comments': ({ trace }) => one({ id: trace }, { body: { text: 'taken' } }),
  'POST /v2/jobs/{id}/comments': ({ job }) => one({ id: job }, { body: { text: 'taken' } }),
  'POST /v2/trace/{id}/corrections': ({ ended }) => [1, null].map((reward) => ({ path: { id: ended }, body: { reward, reason: 'taken' } })),
  'DELETE /v2/comments/{comment}': ({ comment }) => one({ comment }),
  'GET /v2/tags': none,
  'GET /v2/shares': ({ job }) => [{}, { query: { subject_id: job } }],
  'POST /v2/shares': ({ job, trace }) => [{ body: { kind: 'job', id: job } }, { body: { kind: 'trace', id: trace } }],
  'DELETE /v2/shares/{share}': ({ share }) => one({ share }),
  'POST /v2/rollouts/submit': ({ trace, job }) => [{ body: { trace_id: trace, job_id: job }, isFutile: true }],
  'POST /v2/trace/{id}/exit': ({ trace, ended }) =>
    [trace, ended].map((id) => ({ path: { id }, body: { status: 'error', error: 'taken' } })),
  'POST /v2/rollouts/cancel': ({ trace, job }) => [{ body: { trace_id: trace, job_id: job } }, { body: { trace_id: trace } }],
  'POST /v2/rollouts/cancel_job': ({ job }) => [{ body: { job_id: job } }],
  'POST /v2/rollouts/cancel_user_jobs': () => [{ body: {} }],
  'DELETE /v2/tasksets/{id}/tasks': ({ taskset }) => one({ id: taskset }, { body: { slugs: [MARKER] } }),
  'DELETE /v2/teams/{team}/members/{user}': ({ team, member }) => one({ team, user: member }),
  'DELETE /v2/api-keys/{key}': ({ key }) => one({ key }),
};

/** What people open: read by whoever may read, others are sent to sign in. */
export const PAGES: readonly string[] = Object.values(api.pages)
  .filter(({ path }) => !['/', '/assets/{name}'].includes(path))
  .map(({ method, path }) => `${method} ${path}`);

/** Routes that need no key. They show what is everybody's, or refuse without a secret that only its owner has. */
export const OPEN: readonly string[] = [
  'GET /',
  'GET /assets/{name}',
  'GET /healthz',
  'GET /readyz',
  'GET /metrics',
  'GET /openapi.json',
  'POST /auth/device/code',
  'POST /auth/device/token',
  'GET /login',
  'POST /login',
  'POST /logout',
  'GET /device',
  'POST /device',
  'POST /v3/api/sdk-events/cli',
  'GET /share/{token}',
];
