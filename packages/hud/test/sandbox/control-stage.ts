/**
 * One machine, as a network namespace that this program must be started in: an environment on it, and an agent that
 * runs the attack. Takes a plan as JSON, and prints what became of it as JSON.
 */
import { join } from 'node:path';
import { openSsh, shellQuote, type SshClient } from '../../src/capabilities/ssh.ts';
import type { Run } from '../../src/client/index.ts';
import { bind, type Environment } from '../../src/environment/index.ts';
import { Taskset } from '../../src/eval/index.ts';
import { LocalRuntime } from '../../src/runtime/index.ts';
import { CONTROL_ATTACK } from './control-attack.ts';
import * as environments from './control-env.ts';

export interface Plan {
  environment: string;
  /** Placed by a runtime, which makes the environment demand a secret, or served for everybody. */
  isPlaced: boolean;
}

export interface Report {
  /** What the attack printed. */
  outcome: string;
  /** Of the rollout, where there was one. */
  grade?: { reward: number; content: string | undefined };
  /** Where it is served for everybody. */
  port?: number;
}

const ATTACK_MS = 80_000;

if (process.argv[2] !== undefined) await main(JSON.parse(process.argv[2]) as Plan);

async function main({ environment, isPlaced }: Plan): Promise<void> {
  const report = isPlaced ? await placed(environment) : await served(environment);
  process.stdout.write(JSON.stringify(report), () => process.exit());
}

/** A rollout whose agent makes the attack, and then answers like everybody. */
async function placed(env: string): Promise<Report> {
  let outcome = '';
  const agent = async (run: Run): Promise<void> => {
    outcome = await attack(await run.client.open('ssh'));
    run.trace.content = 'mine';
  };
  const runtime = new LocalRuntime(join(import.meta.dirname, 'control-env.ts'));
  const job = await new Taskset('control', [{ env, id: 'guess', args: {} }]).run(agent, { runtime, store: false });
  const { reward, verdict } = job.runs[0] as Run;
  return { outcome, grade: { reward, content: verdict.content } };
}

async function served(name: string): Promise<Report> {
  const environment = Object.values(environments).find((each) => each.name === name) as Environment;
  await using server = await bind(environment);
  const ssh = await openSsh(environment.capability('shell'));
  const outcome = await attack(ssh, server.port);
  await ssh.close();
  return { outcome, port: server.port };
}

async function attack(ssh: SshClient, port?: number): Promise<string> {
  const { stdout, stderr } = await ssh.exec(`/usr/bin/python3 -u -c ${shellQuote(CONTROL_ATTACK)} ${port ?? ''}`, { timeoutMs: ATTACK_MS });
  return stdout + stderr;
}
