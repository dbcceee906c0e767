/** Attempts by way of files: links, races with the author's hands, and things planted for whoever comes later. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt, Scene } from './escape-attempt.ts';

/** How long a race goes on. */
const RACE_MS = 700;
/** `race` is now a folder, now a link that leads out. */
const RACE = `
os.makedirs('race', exist_ok=True)
for name in ('file', 'precious'): open('race/' + name, 'w').write('harmless')
if not os.path.islink('race-link'): os.symlink(W['outside'], 'race-link')
swapping('race', 'race-link')
`;

/** Each try's outcome counts, a refusal as well. */
async function often(run: () => Promise<string>, forMs = RACE_MS): Promise<string> {
  const seen = new Set<string>();
  for (const until = performance.now() + forMs; performance.now() < until; await new Promise((resolve) => setImmediate(resolve))) {
    seen.add(await run().catch(String));
  }
  return [...seen].join('\n');
}

/** Commands of the agent that keep coming while the author is at work. */
async function meanwhile(scene: Scene, command: string, work: () => Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const agent = async (): Promise<void> => {
    while (!over.signal.aborted) await scene.ssh.exec(command, { timeoutMs: 2_000 }).catch(String);
  };
  const agents = [agent(), agent()];
  await work().finally(() => over.abort());
  await Promise.all(agents);
}

async function fillSource({ folder }: Scene): Promise<string> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'race'), { recursive: true });
  for (const name of ['precious', ...Array.from({ length: 200 }, (_, n) => `filled-${n}`)])
    await writeFile(join(source, 'race', name), 'filled');
  return source;
}

export const FILES: readonly Attempt[] = [
  {
    name: 'a link to a file outside',
    code: `os.path.lexists('out') or os.symlink(W['outside'] + '/file', 'out')
show('out')`,
  },
  {
    name: 'dot-dot above the root',
    code: `for depth in range(12): show('../' * depth + W['outside'].lstrip('/') + '/file')
show('/workspace/../' + W['outside'] + '/file')`,
  },
  {
    name: 'a hard link to a file outside',
    code: `attempt('a hard link', lambda: os.link(W['outside'] + '/file', 'hard'))
attempt('a hard link through /proc', lambda: os.link('/proc/1/root' + W['outside'] + '/file', 'hard2', follow_symlinks=True))`,
  },
  {
    name: 'a write to a file outside',
    code: `for path in ('precious', 'new'):
  try: open(W['outside'] + '/' + path, 'w').write('overwritten')
  except OSError as error: print(error)`,
  },
  {
    name: 'a link that the author reads',
    code: `os.path.lexists('plan.txt') or os.symlink(W['outside'] + '/file', 'plan.txt')`,
    afterwards: async ({ author }) => await author.read('plan.txt'),
  },
  {
    name: 'a link that the author writes to',
    code: `os.path.lexists('result.txt') or os.symlink(W['outside'] + '/precious', 'result.txt')`,
    afterwards: async ({ author }) => (await author.write('result.txt', 'overwritten'), 'written'),
  },
  {
    name: 'a dangling link that the author writes to',
    code: `os.path.lexists('report.txt') or os.symlink(W['outside'] + '/made', 'report.txt')`,
    afterwards: async ({ author }) => (await author.write('report.txt', 'made'), 'written'),
  },
  {
    name: 'a linked folder that the author makes files below',
    code: `os.path.lexists('results') or os.symlink(W['outside'], 'results')`,
    afterwards: async ({ author }) => (await author.write('results/made', 'made'), 'written'),
  },
  {
    name: 'a linked folder that the author lists',
    code: `os.path.lexists('listed') or os.symlink(W['outside'], 'listed')`,
    afterwards: async ({ author }) => await author.list('listed'),
  },
  {
    name: 'a chain of links and dot-dot that the author reads',
    code: `os.makedirs('deep/er', exist_ok=True)
links = {'deep/er/a': '../b', 'deep/b': '../../../../../../../..' + W['outside'], 'deep/c': '/proc/self/root' + W['outside']}
for name, target in links.items():
  if not os.path.lexists(name): os.symlink(target, name)`,
    afterwards: async ({ author }) =>
      await often(async () => `${await author.read('deep/er/a/file').catch(String)} ${await author.read('deep/c/file')}`, 1),
  },
  {
    name: 'a folder that turns into a link while the author reads',
    code: RACE,
    afterwards: async ({ author }) => await often(async () => await author.read('race/file')),
  },
  {
    name: 'a folder that turns into a link while the author writes',
    code: RACE,
    afterwards: async ({ author }) => await often(async () => (await author.write('race/precious', 'overwritten'), 'written')),
  },
  {
    name: 'a folder that turns into a link while the author lists',
    code: RACE,
    afterwards: async ({ author }) => await often(async () => await author.list('race')),
  },
  {
    name: 'a file that turns into a link while the author reads',
    code: `open('turn', 'w').write('harmless')
if not os.path.lexists('turn-link'): os.symlink(W['outside'] + '/file', 'turn-link')
swapping('turn', 'turn-link')`,
    afterwards: async ({ author }) => await often(async () => await author.read('turn')),
  },
  {
    name: 'a folder that turns into a link while the files change hands',
    code: RACE,
    afterwards: async ({ author }) => await often(async () => await author.run('true', true)),
    unnoticed: 'the files have one owner there',
  },
  {
    name: 'commands that come while the author fills the workspace',
    code: RACE,
    afterwards: async (scene) => {
      const source = await fillSource(scene);
      const swap = `for n in $(seq 400); do rm -rf mine; mv race mine && ln -s ${scene.facts.outside} race; done 2>/dev/null`;
      await meanwhile(scene, swap, async () => {
        for (let n = 0; n < 3; n++) await scene.author.fill(source).catch(String);
      });
      return 'filled';
    },
  },
  {
    name: 'start-up files for the commands of the author',
    code: `for name in ('.bashrc', '.profile', '.bash_profile', '.bash_login', '.bash_logout', '.zshenv', '.ssh/environment', '.ssh/rc'):
  os.makedirs('.ssh', exist_ok=True)
  open(name, 'w').write('echo BREACH: planted')`,
    afterwards: async ({ author }) => `${await author.run('echo one', false)} ${await author.run('echo two', true)}`,
  },
  {
    name: 'start-up files in /tmp for the isolated commands',
    code: `for name in ('.bashrc', '.profile', '.bash_profile'): open('/tmp/' + name, 'w').write('echo BREACH: planted')`,
    afterwards: async ({ author }) => await author.run('echo three; ls -A /tmp', true),
    unnoticed: 'the files would be planted for this machine',
  },
  {
    name: 'programs in the way of the isolated commands',
    code: `for folder in ('.', 'bin', '.local/bin', 'node_modules/.bin'):
  os.makedirs(folder, exist_ok=True)
  for name in ('ls', 'cat', 'env'):
    path = folder + '/' + name
    if os.path.lexists(path): continue
    open(path, 'w').write('#!/bin/sh\\necho BREACH: planted')
    os.chmod(path, 0o755)`,
    afterwards: async ({ author }) => await author.run('ls /; cat /dev/null; env', true),
  },
  {
    name: "a repository's hooks under the author's git",
    code: `sh('rm -rf repository; git init -q repository')
open('repository/.git/hook', 'w').write('#!/bin/sh\\ncat %s/file; echo over >%s/precious; touch %s/made' % ((W['outside'],) * 3))
os.chmod('repository/.git/hook', 0o755)
sh('cd repository && git config core.fsmonitor "$PWD/.git/hook"')`,
    afterwards: async ({ author }) => await author.run('cd repository && git -c safe.directory="*" status', true),
  },
  {
    name: 'a test suite that is run by the grader',
    code: `open('suite.py', 'w').write('''
import os, socket, sys
def tried(run):
  try: print(run())
  except OSError as error: print(error)
tried(lambda: open('%(outside)s/file').read())
tried(lambda: open('%(outside)s/precious', 'w').write('overwritten'))
def dial(family, address):
  s = socket.socket(family); s.settimeout(1); s.connect(address); return s.recv(100)
tried(lambda: dial(socket.AF_INET, ('127.0.0.1', %(port)d)))
for name in %(abstractNames)r: tried(lambda: dial(socket.AF_UNIX, '\\\\0' + name))
''' % W)`,
    afterwards: async ({ author }) => await author.run('/usr/bin/python3 suite.py', true),
  },
  {
    name: 'forged output of an isolated command',
    code: `def forge():
  for name in names('/run/hud'):
    if not name.endswith(('.out', '.err')): continue
    try: os.write(os.open('/run/hud/' + name, os.O_WRONLY | os.O_NONBLOCK), b'BREACH: forged\\n')
    except OSError: pass
background(forge, 4)`,
    afterwards: async ({ author }) => await often(async () => await author.run('echo honest; sleep 0.1', true)),
    unnoticed: 'there are no such pipes',
  },
  {
    name: 'requests of its own to the first process',
    code: `for name in names('/run/hud') + ['request', 'bash']:
  attempt('wrote to the control folder', lambda: open('/run/hud/' + name + 'x', 'w').close())
  attempt('removed from the control folder', lambda: os.unlink('/run/hud/' + name))
attempt('replaced the first program', lambda: os.close(os.open('/run/hud/bash', os.O_WRONLY)))
attempt('changed the mode of the first program', lambda: os.chmod('/run/hud/bash', 0o755))
attempt('replaced the control folder', lambda: os.rename('/run/hud', '/run/mine'))`,
    unnoticed: 'there is no such folder',
  },
];
