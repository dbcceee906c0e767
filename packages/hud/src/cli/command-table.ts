/** Every command: its name, one line about it, and where its code is, which is loaded only when it is asked for. */
import type { Command } from './command.ts';

export interface Entry {
  summary: string;
  /** Absent for a group. */
  load?: () => Promise<Command>;
  /** Commands of a group, by name. */
  commands?: Entries;
  /** The one of them that runs when none is named. */
  standard?: string;
}

/** Commands by name. */
export type Entries = Readonly<Record<string, Entry>>;

export const COMMANDS: Entries = {
  init: { summary: 'Write a new environment to start from', load: async () => (await import('./commands/init.ts')).init },
  serve: { summary: 'Serve an environment on a port', load: async () => (await import('./commands/serve.ts')).serve },
  eval: { summary: 'Run an agent on tasks and grade it', load: async () => (await import('./commands/eval.ts')).evaluate },
  resume: { summary: 'Go on with a job that was interrupted', load: async () => (await import('./commands/resume.ts')).resume },
  retry: { summary: 'Run again what faults spoiled in a job', load: async () => (await import('./commands/retry.ts')).retry },
  train: { summary: 'Train a model on the rewards of tasks', load: async () => (await import('./commands/train.ts')).train },
  task: {
    summary: 'List, start and grade single tasks by hand',
    commands: {
      list: { summary: 'List the tasks of a source', load: async () => (await import('./commands/task-list.ts')).taskList },
      start: { summary: 'Start a task and print its prompt', load: async () => (await import('./commands/task-start.ts')).taskStart },
      grade: { summary: 'Grade an answer and print the score', load: async () => (await import('./commands/task-grade.ts')).taskGrade },
    },
  },
  client: {
    summary: 'Talk to an environment that is being served',
    commands: {
      info: { summary: 'Show its capabilities and templates', load: async () => (await import('./commands/client-info.ts')).clientInfo },
      run: {
        summary: 'Start a task, submit an answer, print the grade',
        load: async () => (await import('./commands/client-run.ts')).clientRun,
      },
    },
  },
  jobs: { summary: 'List recorded jobs, or the runs of one', load: async () => (await import('./commands/jobs.ts')).jobs },
  compare: { summary: 'Say how two jobs differ, task by task', load: async () => (await import('./commands/compare.ts')).compare },
  trace: { summary: 'Show what happened in one run', load: async () => (await import('./commands/trace.ts')).trace },
  cancel: { summary: 'End runs that are reported to the platform', load: async () => (await import('./commands/cancel.ts')).cancel },
  export: {
    summary: 'Write a job as pages that open without a server',
    load: async () => (await import('./commands/export.ts')).exportJob,
  },
  rollouts: {
    summary: 'Write the runs of a job as data for other trainers',
    load: async () => (await import('./commands/rollouts.ts')).rollouts,
  },
  view: { summary: 'Look at the record in a browser', load: async () => (await import('./commands/view.ts')).view },
  platform: {
    summary: 'Run the platform: record, models and accounts for many, in one process',
    load: async () => await (await import('./commands/platform.ts')).loadPlatformCommand(),
  },
  sync: {
    summary: 'Bring tasks and environments to the platform',
    standard: 'tasks',
    commands: {
      tasks: { summary: 'Upload what changed in a taskset', load: async () => (await import('./commands/sync-tasks.ts')).syncTasks },
      env: { summary: 'Register the environment of a folder', load: async () => (await import('./commands/sync-env.ts')).syncEnv },
    },
  },
  models: {
    summary: 'List the models of the platform, what they cost, and your own',
    commands: {
      list: { summary: 'List the models behind the one key', load: async () => (await import('./commands/models-list.ts')).modelsList },
      usage: { summary: 'Show what model calls took and cost', load: async () => (await import('./commands/models-usage.ts')).modelsUsage },
      fork: { summary: 'Begin a model of your own', load: async () => (await import('./commands/models-fork.ts')).modelsFork },
      checkpoints: {
        summary: 'List the checkpoints of a model',
        load: async () => (await import('./commands/models-checkpoints.ts')).modelsCheckpoints,
      },
      diff: {
        summary: 'Hold two checkpoints against each other',
        load: async () => (await import('./commands/models-diff.ts')).modelsDiff,
      },
      pin: { summary: 'Keep the weights of a checkpoint', load: async () => (await import('./commands/models-pin.ts')).modelsPin },
      head: { summary: 'Show or set the active checkpoint', load: async () => (await import('./commands/models-head.ts')).modelsHead },
    },
  },
  qa: {
    summary: 'Examine tasksets, tasks and environments',
    commands: {
      agents: { summary: 'List who can examine', load: async () => (await import('./commands/qa-agents.ts')).qaAgents },
      run: { summary: 'Examine, and wait for the verdict', load: async () => (await import('./commands/qa-run.ts')).qaRun },
      results: { summary: 'Show what was found', load: async () => (await import('./commands/qa-results.ts')).qaResults },
    },
  },
  push: { summary: 'Send recorded jobs to the platform', load: async () => (await import('./commands/push.ts')).push },
  ps: { summary: 'List what runs and exists now, and who owns it', load: async () => (await import('./commands/ps.ts')).ps },
  reap: { summary: 'End what processes left behind that were killed', load: async () => (await import('./commands/reap.ts')).reap },
  login: { summary: 'Get a key for the platform, approved in a browser', load: async () => (await import('./commands/login.ts')).login },
  logout: { summary: 'Forget the key of this user', load: async () => (await import('./commands/logout.ts')).logout },
  whoami: { summary: 'Show whose key is set, and what it may do', load: async () => (await import('./commands/whoami.ts')).whoami },
  set: { summary: 'Save settings such as API keys for this user', load: async () => (await import('./commands/set.ts')).set },
  doctor: { summary: 'Check this machine and say what to mend', load: async () => (await import('./commands/doctor.ts')).doctor },
  version: { summary: 'Print the version', load: async () => (await import('./commands/version.ts')).version },
  completion: { summary: 'Print a completion script for a shell', load: async () => (await import('./commands/completion.ts')).completion },
};
