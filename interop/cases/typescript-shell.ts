/** Our SSH and file tracking clients on a workspace of the Python package. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHudError } from '../../packages/hud/src/protocol/index.ts';
import type { Case } from '../report.ts';
import type { With } from './typescript-hands.ts';

export function shellCases(open: With): Case[] {
  return [...commandCases(open), ...processCases(open), ...fileCases(open), trackingCase(open)];
}

function commandCases(open: With): Case[] {
  return [
    {
      name: "a command's output, errors and exit code arrive apart, invalid UTF-8 replaced",
      async run() {
        await open('ssh', async (shell, client) => {
          assert.equal(shell.shell, 'bash');
          assert.equal((await client.binding('ssh')).params.isolation, 'bwrap');
          const { stdout, stderr, exitCode } = await shell.exec(String.raw`pwd; printf 'a\377\376b\303'; echo err >&2; exit 7`);
          assert.deepEqual([stdout, stderr, exitCode], [`${shell.cwd}\na\uFFFD\uFFFDb\uFFFD`, 'err\n', 7]);
          const given = await shell.exec('cat; echo "$WORD"; pwd', { stdin: 'in', cwd: '/tmp', env: { WORD: "it's" } });
          assert.equal(given.stdout, "init's\n/tmp\n");
        });
      },
    },
    {
      name: 'a command that takes too long is ended, and the next one works',
      async run() {
        await open('ssh', async (shell) => {
          await shell.exec('true'); // the first one waits for the sandbox
          const stop = AbortSignal.timeout(500);
          const [late] = await Promise.all([
            shell.exec('sleep 4713', { timeoutMs: 500 }),
            assert.rejects(shell.exec('echo begun; sleep 4713', { signal: stop }), { name: 'TimeoutError' }),
          ]);
          assert.equal(late.isTimedOut, true);
          const running = async (): Promise<string> => (await shell.exec("grep -la '^sleep.4713' /proc/[0-9]*/cmdline 2>/dev/null")).stdout;
          await until(async () => (await running()) === '', 'the sleeps have ended');
        });
      },
    },
    {
      name: "a job in the background that holds the output doesn't hold the command",
      async run() {
        await open('ssh', async (shell) => {
          const startedAt = performance.now();
          const { stdout, exitCode } = await shell.exec('sleep 20 & echo started');
          assert.deepEqual([stdout, exitCode], ['started\n', 0]);
          const tookMs = performance.now() - startedAt;
          assert.ok(tookMs < 8_000, `it took ${Math.round(tookMs)} ms`);
        });
      },
    },
    {
      name: 'a shell that kills itself has an exit code, and eight commands at once do not mix',
      async run() {
        await open('ssh', async (shell) => {
          assert.equal((await shell.exec('kill -9 $$')).exitCode, 137);
          const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
          const results = await Promise.all(numbers.map(async (n) => await shell.exec(`sleep 0.${n}; echo ${n}; exit ${n}`)));
          assert.deepEqual(
            results.map(({ stdout, exitCode }) => [stdout, exitCode]),
            numbers.map((n) => [`${n}\n`, n]),
          );
        });
      },
    },
  ];
}

function processCases(open: With): Case[] {
  return [
    {
      name: 'a process is spoken with while it runs, on a terminal too',
      async run() {
        await open('ssh', async (shell) => {
          const process = await shell.stream('while read -r line; do echo "got $line"; done; echo end');
          process.stdin.write('one\n');
          const [first] = (await once(process.stdout, 'data')) as [Buffer];
          assert.equal(first.toString(), 'got one\n');
          process.stdin.end();
          assert.equal(await text(process.stdout), 'end\n');
          assert.equal((await process.exited).code, 0);
          const terminal = await shell.exec('stty size; tty', { pty: { cols: 100, rows: 40 } });
          assert.match(terminal.stdout, /40 100\r\n\/dev\/pts\//);
        });
      },
    },
    {
      name: 'twenty megabytes of output are cut in the middle, or streamed whole',
      async run() {
        await open('ssh', async (shell) => {
          const cut = await shell.exec("head -c 20000000 /dev/zero | tr '\\0' x", { maxOutputBytes: 1_000_000 });
          assert.equal(cut.isTruncated, true);
          assert.ok(cut.stdout.length <= 1_000_100, `${cut.stdout.length} characters`);
          const process = await shell.stream("head -c 20000000 /dev/zero | tr '\\0' x");
          let total = 0;
          for await (const chunk of process.stdout) total += (chunk as Buffer).length;
          assert.equal(total, 20_000_000);
        });
      },
    },
  ];
}

function fileCases(open: With): Case[] {
  return [
    {
      name: 'files are written, read and listed, whatever they are called',
      async run() {
        await open('ssh', async (shell) => {
          const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
          const files: [name: string, content: string | Uint8Array][] = [
            ['.hidden', 'h'],
            ['a b.txt', 'blank\n'],
            ['bytes', bytes],
            ['empty', ''],
            ["it's", 'é'],
          ];
          await shell.exec('mkdir files');
          for (const [name, content] of files) {
            await shell.write(`files/${name}`, content);
            assert.deepEqual(Buffer.from(await shell.readBytes(`files/${name}`)), Buffer.from(content as string), name);
          }
          assert.deepEqual(
            await shell.list('files'),
            files.map(([name]) => name),
          );
          await assert.rejects(shell.read('files/none'), (error) => {
            assert.ok(isHudError(error) && error.code === 'RPC_ERROR', String(error));
            assert.match(error.message, /No such file or directory/);
            return true;
          });
        });
      },
    },
  ];
}

function trackingCase(open: With): Case {
  return {
    name: 'file tracking tells set-up from what the agent changed, and keeps finished documents',
    async run() {
      await open('filetracking', async (files, client) => {
        assert.equal((await client.binding('filetracking')).params.setup_diff, true);
        const shell = await client.open('ssh');
        await shell.exec('mkdir -p tracked; echo one > tracked/seed.txt');
        assert.match(JSON.stringify(await files.setup()), /tracked\/seed\.txt/);
        assert.match(JSON.stringify(await files.snapshot()), /tracked\/seed\.txt/);
        await shell.exec("echo two >> tracked/seed.txt; echo SECRET=1 > tracked/.env; echo '<p>hi</p>' > tracked/page.html");
        const diff = JSON.stringify(await files.diff());
        assert.match(diff, /\+two/);
        assert.doesNotMatch(diff, /SECRET=1/);
        assert.equal((await files.diff()).files_changed, 0);
        await shell.exec('rm tracked/seed.txt');
        const flush = await files.flush();
        assert.match(JSON.stringify(flush.diff), /tracked\/seed\.txt/);
        assert.match(JSON.stringify(flush.capture), /tracked\/page\.html/);
      });
    },
  };
}

async function until(check: () => Promise<boolean>, what: string, limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await check())) {
    assert.ok(performance.now() < deadline, `after ${limitMs} ms still not: ${what}`);
    await sleep(50);
  }
}
