/** Attempts on what runs or lies beside the sandbox: processes, sockets, memory, secrets. */
import type { Attempt } from './escape-attempt.ts';

export const OUTSIDE: readonly Attempt[] = [
  {
    name: 'the root of another process',
    code: `for pid in pids():
  for link in ('root', 'cwd'): show('/proc/%d/%s%s/file' % (pid, link, W['outside']))`,
  },
  {
    name: 'environments of processes',
    code: `for pid in pids():
  if pid != os.getpid(): show('/proc/%d/environ' % pid)
print(os.environ)`,
  },
  {
    name: 'open files of processes',
    code: `for pid in pids():
  if pid == os.getpid(): continue
  for fd in names('/proc/%d/fd' % pid):
    path = '/proc/%d/fd/%s' % (pid, fd)
    try: target = os.readlink(path)
    except OSError: continue
    if pid == 1: breach('sees descriptor %s of the first process' % fd)
    if target.startswith(W['outside']): show(path)`,
  },
  {
    name: 'descriptors that were inherited',
    code: `for fd in names('/proc/self/fd'):
  path = '/proc/self/fd/' + fd
  if int(fd) < 3 or not os.path.lexists(path): continue
  breach('has descriptor %s: %s' % (fd, os.readlink(path)))`,
  },
  {
    name: 'the program of the first process',
    code: `for path in ('/proc/1/exe', '/proc/self/exe', '/usr/bin/bash', '/bin/sh'):
  if opens(path, os.O_WRONLY): breach('could write ' + path)
show('/proc/1/maps')
show('/proc/1/environ')`,
    unnoticed: 'a program that runs can not be written to',
  },
  {
    name: 'tracing a process outside',
    code: `for pid in [1] + canaries():
  if call('ptrace', 0x4206, pid, 0, 0)[0] == 0: breach('traces %d' % pid)`,
  },
  {
    name: 'memory of a process outside',
    code: `for pid in [1] + canaries():
  for flags in (os.O_RDONLY, os.O_RDWR):
    if opens('/proc/%d/mem' % pid, flags): breach('opened the memory of %d' % pid)
  buffer = ctypes.create_string_buffer(8)
  try: start = int(open('/proc/%d/maps' % pid).read().split('-')[0], 16)
  except (OSError, ValueError): start = 0x400000
  local = struct.pack('QQ', ctypes.addressof(buffer), 8)
  remote = struct.pack('QQ', start, 8)
  for name in ('process_vm_readv', 'process_vm_writev'):
    vectors = ctypes.create_string_buffer(local), 1, ctypes.create_string_buffer(remote), 1
    if call(name, pid, *vectors, 0)[0] > 0: breach('%s of %d' % (name, pid))`,
  },
  {
    name: 'a handle of a process outside',
    code: `for pid in canaries():
  fd, error = call('pidfd_open', pid, 0)
  if fd < 0: continue
  gains('may signal by its handle', 'pidfd_send_signal', fd, 0, 0, 0)
  gains('took a descriptor', 'pidfd_getfd', fd, 0, 0)
gains('compared descriptors', 'kcmp', os.getpid(), canaries()[0], 0, 0, 0)`,
  },
  {
    name: 'a signal to a process outside',
    code: `for pid in canaries():
  for target in (pid, -pid):
    try: os.kill(target, 0)
    except OSError as error: print(error)
    else: breach('may signal %d' % target)`,
  },
  {
    name: 'signals to everybody',
    code: `signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(1, 65):
  try: os.kill(1, number)
  except OSError: pass
os.kill(-1, signal.SIGTERM)
for number in (signal.SIGKILL, signal.SIGSTOP):
  if os.fork() == 0: os.kill(-1, number)`,
    unnoticed: 'they would arrive',
  },
  {
    name: 'the priority of processes outside',
    code: `for pid in canaries():
  attempt('slowed it down', lambda: os.setpriority(os.PRIO_PROCESS, pid, 7))
  attempt('bound it to a processor', lambda: os.sched_setaffinity(pid, {0}))
  attempt('limited it', lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64)))
  if opens('/proc/%d/oom_score_adj' % pid, os.O_WRONLY): breach('may offer it to the memory killer')
os.setpriority(os.PRIO_USER, os.getuid(), 9)`,
  },
  {
    name: 'a priority above the others',
    code: `attempt('became more important', lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
attempt('became a real-time process', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))`,
  },
  {
    name: 'abstract sockets of the machine',
    code: `for name in W['abstractNames']:
  s = socket.socket(socket.AF_UNIX)
  s.settimeout(1)
  try:
    s.connect('\\0' + name)
    print(s.recv(200).decode())
  except OSError as error: print(error)`,
  },
  {
    name: 'sockets in the file system',
    code: `for path in (W['socketPath'], '/proc/1/root' + W['socketPath']):
  s = socket.socket(socket.AF_UNIX)
  s.settimeout(1)
  try:
    s.connect(path)
    print(s.recv(200).decode())
  except OSError as error: print(error)
for folder in ('/run', '/var/run', '/tmp'):
  for parent, _, files in os.walk(folder):
    for name in files:
      if stat.S_ISSOCK(os.lstat(parent + '/' + name).st_mode): breach('sees the socket %s/%s' % (parent, name))`,
  },
  {
    name: 'services on loopback',
    code: `for host in ('127.0.0.1', '::1', '0.0.0.0', '127.1.2.3'):
  try:
    s = socket.create_connection((host, W['port']), 1)
    print(s.recv(200).decode())
  except OSError as error: print(host, error)`,
  },
  {
    name: 'every port of loopback',
    code: `import selectors
for start in range(1, 65536, 512):
  waiting = []
  for port in range(start, min(start + 512, 65536)):
    s = socket.socket()
    s.setblocking(False)
    if s.connect_ex(('127.0.0.1', port)) in (0, errno.EINPROGRESS): waiting.append(s)
    else: s.close()
  for s in waiting:
    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
      try: breach('%d answers' % s.getpeername()[1]) if s.getpeername() != s.getsockname() else None
      except OSError: pass
    s.close()`,
  },
  {
    name: 'shared memory of the machine',
    code: `memory, error = call('shmget', W['shmKey'], 0, 0)
if memory >= 0:
  libc.shmat.restype = ctypes.c_void_p
  at = libc.shmat(ctypes.c_int(memory), None, 0o10000)
  print(ctypes.string_at(at, 64).decode('latin1'))
show(W['shmFile'])
sh('ipcs -a | grep 0x')`,
  },
  {
    name: 'the password file',
    code: `for path in ('/etc/shadow', '/etc/gshadow', '/etc/shadow-', '/etc/ssh/ssh_host_ed25519_key', '/root/.ssh/id_ed25519'):
  if opens(path): breach('could read ' + path)`,
  },
  {
    name: 'places of the system',
    code: `for folder in ('/usr', '/usr/bin', '/etc', '/lib', '/', '/run', '/var', '/home', '/root', '/dev', '/sys', '/boot'):
  if os.path.isdir(folder) and opens(folder, os.O_TMPFILE | os.O_RDWR): breach('could write to ' + folder)
for path in ('/etc/passwd', '/etc/ld.so.preload', '/etc/hosts', '/usr/bin/env', '/etc/resolv.conf'):
  if opens(path, os.O_WRONLY): breach('could write ' + path)`,
  },
  {
    name: "the server's keys",
    code: `for folder in (W['keys'], os.path.dirname(W['keys'])):
  if names(folder): breach('sees %s' % folder)
for top in ('/run', '/tmp', '/var', '/home', '/root', '/workspace', '/etc/ssh', W['keys']):
  for folder, _, files in os.walk(top):
    for name in files:
      try: text = open(folder + '/' + name, 'rb', buffering=0).read(1 << 14) if os.path.isfile(folder + '/' + name) else b''
      except OSError: continue
      if b'PRIVATE KEY' in text: breach('read the key %s/%s' % (folder, name))`,
  },
  {
    name: 'the files of another sandbox',
    code: `show(W['otherRoot'] + '/other.txt')
for pid in pids(): show('/proc/%d/root%s/other.txt' % (pid, W['otherRoot']))
try: open(W['otherRoot'] + '/other.txt', 'a').write('taken')
except OSError as error: print(error)`,
  },
  {
    name: 'a personality with known addresses',
    code: `gains('switched randomisation off', 'personality', 0x0040000)`,
  },
];
