/** What QA can tell without a model: each check is a fact about the rows, the manifest or the recorded runs. */
import { isPlainObject, normalizeEnvironmentName, parseJson, pythonJson, uuid5, type JsonObject, type api } from 'hud/protocol';
import { argsSchema, manifestCheck } from '../registry/manifest-check.ts';
import type { EnvironmentSubject, TasksetSubject } from '../../storage/qa/subjects.ts';
import type { Evidence } from './evidence.ts';
import { finding } from './findings.ts';
import { checkTrace, TRACE_AGENTS } from './trace-checks.ts';

/** Part of the evidence: raised when a check changes, so that old verdicts count as stale. */
export const CHECKS_VERSION = 1;

const WHAT = {
  taskset: 'Tasks that are there twice, that their environment can not run, or that every agent fails or solves',
  task: 'Can its environment run it, and does it tell agents apart?',
  environment: 'Is there a manifest, with a description and readable arguments for every template?',
} as const;

/** The agents that every platform brings. */
export const BUILT_IN: readonly api.qa.Agent[] = [
  ...(['taskset', 'task', 'environment'] as const).map((subjectType) => ({
    id: uuid5(`hud.qa:${subjectType}-check`),
    name: `${subjectType}-check`,
    subjectType,
    modelName: null,
    instructions: WHAT[subjectType],
  })),
  ...TRACE_AGENTS,
];

/** @param name of one of `BUILT_IN`, for what the evidence is of */
export async function runChecks(evidence: Evidence, name: string): Promise<api.qa.Verdict> {
  const { subject } = evidence;
  const { findings, metadata, verdict } = await checkSubject(evidence, name);
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return {
    schemaVersion: 'qa_agent_result.v1',
    verdict: verdict ?? (errors > 0 ? 'failed' : 'passed'),
    summary: `${subject.name}: ${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}.`,
    findings,
    metadata: { ...metadata, checks_version: CHECKS_VERSION },
  };
}

interface Checked {
  findings: api.qa.Finding[];
  metadata: JsonObject;
  /** @default 'failed' when a finding is an error, else 'passed' */
  verdict?: api.qa.Verdict['verdict'];
}

async function checkSubject(evidence: Evidence, name: string): Promise<Checked> {
  const { subject } = evidence;
  if (subject.kind === 'rows') return await checkRows(subject, evidence);
  return subject.kind === 'trace' ? await checkTrace(subject, name) : checkEnvironment(subject);
}

async function checkRows(subject: TasksetSubject, { manifests, flat }: Evidence): Promise<Checked> {
  const rows = (await subject.rows()).map(({ slug, row }) => ({
    slug,
    row: parseJson(row, { lossless: true }) as api.tasksets.ExportedTask,
  }));
  const findings = [
    ...(rows.length === 0 ? [finding('error', 'The taskset has no tasks.', [])] : []),
    ...duplicates(rows),
    ...againstManifests(rows, manifests),
    ...withoutManifest(subject, manifests),
    ...withoutValidation(rows),
    ...flat.map(({ slug, runs, least }) =>
      finding('warning', `Every one of ${runs} graded runs of '${slug}' earned ${least}.`, [slug], {
        description: 'A task that everybody solves, or nobody, tells agents apart no more and gives training nothing to learn from.',
        recommendedAction:
          least === 0 ? 'Try its own solution with the agent `oracle`; then make it easier.' : 'Make it harder, or leave it out.',
      }),
    ),
  ];
  return { findings, metadata: { tasks: rows.length, environments: subject.environments } };
}

interface Row {
  slug: string;
  row: api.tasksets.ExportedTask;
}

function duplicates(rows: readonly Row[]): api.qa.Finding[] {
  const same = Map.groupBy(rows, ({ row: { id: _id, name: _name, ...rest } }) => pythonJson(rest, { compact: true }));
  return [...same.values()].flatMap((group) => {
    const slugs = group.map(({ slug }) => slug);
    return slugs.length < 2
      ? []
      : [finding('error', `${slugs.length} tasks are the same but for their slugs.`, slugs, { recommendedAction: 'Keep one of them.' })];
  });
}

function againstManifests(rows: readonly Row[], manifests: Evidence['manifests']): api.qa.Finding[] {
  const checks = new Map([...manifests].map(([name, manifest]) => [name, manifestCheck(manifest)]));
  return rows.flatMap(({ slug, row: { env, scenario, args } }) => {
    const problems = checks.get(normalizeEnvironmentName(env))?.(scenario, args ?? {}) ?? [];
    if (problems.length === 0) return [];
    const description = problems.map((problem) => problem.replace('{env}', env)).join('\n');
    return [finding('error', `The environment '${env}' can't run '${slug}'.`, [slug], { description })];
  });
}

function withoutManifest({ environments }: TasksetSubject, manifests: Evidence['manifests']): api.qa.Finding[] {
  return environments
    .filter((name) => !manifests.has(normalizeEnvironmentName(name)))
    .map((name) =>
      finding('warning', `The registry has no manifest of the environment '${name}'.`, [name], {
        description: 'Whether its templates take the arguments of the tasks could not be checked.',
        recommendedAction: `Register it: \`hud sync env ${name}\` in its folder.`,
      }),
    );
}

function withoutValidation(rows: readonly Row[]): api.qa.Finding[] {
  const slugs = rows.filter(({ row: { validation } }) => (validation ?? []).length === 0).map(({ slug }) => slug);
  if (slugs.length === 0) return [];
  return [
    finding('warning', `${counted(slugs.length, 'task')} without a validation.`, slugs.slice(0, 100), {
      description: 'Nothing says what a right answer looks like.',
    }),
  ];
}

function checkEnvironment({ name, manifest }: EnvironmentSubject): Checked {
  if (manifest === undefined)
    return {
      findings: [
        finding('error', 'There is no manifest.', [name], { recommendedAction: `Register it: \`hud sync env ${name}\` in its folder.` }),
      ],
      metadata: { templates: 0 },
    };
  const { tasks } = JSON.parse(manifest) as api.registry.Manifest;
  const findings = [
    ...(tasks.length === 0 ? [finding('error', 'It declares no template.', [name])] : []),
    ...tasks
      .filter(({ description }) => !description?.trim())
      .map(({ id }) => finding('warning', `Template '${id}' has no description.`, [id])),
    ...tasks.flatMap(({ id, args }) => {
      if (!isPlainObject(args) || Object.keys(args).length === 0)
        return [finding('error', `Template '${id}' does not say which arguments it takes.`, [id])];
      return argsSchema(args) === undefined ? [finding('warning', `The arguments of template '${id}' can't be checked here.`, [id])] : [];
    }),
  ];
  return { findings, metadata: { templates: tasks.length } };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
