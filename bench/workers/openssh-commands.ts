/** The same with OpenSSH's client, to which a connection is open: node openssh-commands.ts <its command line…> */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { answer } from '../worker.ts';

const client = process.argv.slice(2);
/** The shell's own arguments are the client's command line, and before it the number of MiB. */
const SCRIPTS: Record<string, string> = {
  down: 'mib=$1; shift; bytes=$("$@" "head -c ${mib}M /dev/zero" | wc -c); [ "$bytes" = $((mib * 1048576)) ]',
  up: 'mib=$1; shift; bytes=$(head -c "${mib}M" /dev/zero | "$@" "wc -c"); [ "$bytes" = $((mib * 1048576)) ]',
};

await answer(async ({ what, mib }) => {
  const startedAt = performance.now();
  const child = spawn('sh', ['-c', SCRIPTS[String(what)] ?? '', 'sh', String(mib), ...client], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${String(what)}: ${String(child.stderr.read())}, exit ${code}`);
  return { rate: Number(mib) / ((performance.now() - startedAt) / 1_000) };
});
