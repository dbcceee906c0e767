/** Attempts by way of the kernel: mounts, namespaces, devices, and calls that reach past every wall. */
import type { Attempt } from './escape-attempt.ts';

export const KERNEL: readonly Attempt[] = [
  {
    name: 'a mount',
    code: `for name in ('point', 'bound'): os.makedirs(name, exist_ok=True)
gains('mounted a tmpfs', 'mount', b'tmpfs', b'point', b'tmpfs', 0, 0)
gains('bound a folder', 'mount', b'bound', b'point', b'', 4096, 0)
gains('mounted proc', 'mount', b'proc', b'point', b'proc', 0, 0)`,
  },
  {
    name: 'read-only places made writable',
    code: `for path in (b'/', b'/usr', b'/etc', b'/dev', b'/run/hud', b'/proc/sys'):
  gains('remounted %s' % path, 'mount', b'none', path, b'', 0x20 | 0x1000, 0)
  gains('changed %s' % path, 'mount_setattr', -100, path, 0, ctypes.create_string_buffer(struct.pack('QQQQ', 0, 1, 0, 0)), 32)`,
  },
  {
    name: 'an overlay',
    code: `for name in ('lower', 'upper', 'work', 'merged'): os.makedirs('layer/' + name, exist_ok=True)
options = b'lowerdir=layer/lower,upperdir=layer/upper,workdir=layer/work'
gains('mounted an overlay', 'mount', b'overlay', b'layer/merged', b'overlay', 0, options)`,
  },
  {
    name: 'the newer mount calls',
    code: `gains('opened a file system', 'fsopen', b'tmpfs', 0)
gains('cloned a tree', 'open_tree', -100, b'/', 1)`,
  },
  {
    name: 'another root',
    code: `gains('moved the root', 'pivot_root', b'.', b'.')
fd = os.open('/', os.O_RDONLY)
if call('chroot', b'.')[0] == 0:
  breach('changed the root')
  os.fchdir(fd)`,
  },
  {
    name: 'a user namespace of its own',
    code: `for name, flag in dict(user=0x10000000, mount=0x20000, net=0x40000000, pid=0x20000000, uts=0x4000000, time=0x80).items():
  gains('a new %s namespace' % name, 'unshare', flag)`,
  },
  {
    name: 'a user namespace by cloning',
    code: `r, e = call('clone', 0x10000000 | 17, 0, 0, 0, 0)
if r == 0: os._exit(0)
if r > 0: breach('cloned into a user namespace')
arguments = ctypes.create_string_buffer(struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0))
r, e = call('clone3', arguments, 64)
if r == 0: os._exit(0)
if r > 0: breach('cloned into a user namespace by clone3')`,
  },
  {
    name: 'a user namespace by the tools of the system',
    code: `for tool in ('unshare -Ur', 'unshare -Urm', 'unshare -n', 'unshare -Up --fork', 'bwrap --ro-bind / /'):
  if sh(tool + ' true') == 0: breach(tool)`,
  },
  {
    name: 'the namespaces of others',
    code: `for pid in (1, os.getppid(), *canaries()):
  for name in names('/proc/%d/ns' % pid):
    try: fd = os.open('/proc/%d/ns/%s' % (pid, name), os.O_RDONLY)
    except OSError: continue
    gains('entered %s of %d' % (name, pid), 'setns', fd, 0)`,
  },
  {
    name: 'calls under the numbers of another table',
    code: `for name in ('unshare', 'mount', 'chroot', 'ptrace'):
  number = 0x40000000 + N[name]
  gains('%s of x32' % name, number, 0x4000000 if name == 'unshare' else 0, 0, 0, 0, 0)`,
    unnoticed: 'hardly a kernel has this table',
  },
  {
    name: 'calls of a 32-bit program',
    code: `import mmap
if os.uname().machine == 'x86_64' and os.fork() == 0:
  page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
  page.write(bytes.fromhex('53b836010000bb00000004cd805bc3'))  # unshare(CLONE_NEWUTS)
  run = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
  if run() == 0: breach('unshared by int 0x80')
  os._exit(0)`,
    unnoticed: 'not every kernel answers them',
  },
  {
    name: 'programs with more rights than their caller',
    code: `import glob
for command in ('su -c "id -u" root </dev/null', 'sudo -n id -u', 'pkexec id -u', 'newgrp root -c "id -u"', 'setpriv --reuid 0 id -u'):
  if subprocess.run(['sh', '-c', command + ' 2>/dev/null | grep -qx 0'], timeout=4).returncode == 0: breach(command)
os.makedirs('held', exist_ok=True)
if sh('mount -t tmpfs none held') == 0: breach('mounted by mount')
if sh('chage -l root') == 0: breach('read the age of a password')
if 'NoNewPrivs:\\t1' not in open('/proc/self/status').read(): breach('programs may gain rights')`,
  },
  {
    name: 'another identity',
    code: `for uid in (0, 1, 65534, W['canaryUid']):
  if uid != os.getuid() and call(105 if os.uname().machine == 'x86_64' else 146, uid)[0] == 0: breach('became %d' % uid)
attempt('dropped the groups', lambda: os.setgroups([0]))
head, caps = struct.pack('Ii', 0x20080522, 0), struct.pack('6I', *[0xffffffff] * 6)
gains('took capabilities', 'capset', ctypes.create_string_buffer(head), ctypes.create_string_buffer(caps))
for name in ('uid_map', 'gid_map', 'setgroups'): attempt('wrote ' + name, lambda: put('/proc/self/' + name, '0 0 1'))`,
  },
  {
    name: 'device nodes of its own',
    code: `disks = [line.split()[:2] for line in open('/proc/partitions').read().splitlines()[2:]]
devices = [(stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 10, 229)] + [(stat.S_IFBLK, int(a), int(b)) for a, b in disks]
for n, (kind, major, minor) in enumerate(devices):
  for folder in ('.', '/tmp', '/dev/shm'):
    path = '%s/node-%d' % (folder, n)
    try: os.mknod(path, kind | 0o666, os.makedev(major, minor))
    except OSError: continue
    if opens(path): breach('opened device %d:%d' % (major, minor))
    os.unlink(path)`,
  },
  {
    name: 'device nodes of the machine',
    code: `known = set('null zero full random urandom tty ptmx pts shm fd stdin stdout stderr core console mqueue'.split())
for folder, folders, files in os.walk('/dev'):
  for name in files:
    if name not in known and folder != '/dev/pts': breach('sees %s/%s' % (folder, name))
for name in ('mem', 'kvm', 'fuse', 'port', 'net/tun', 'loop-control', 'sda', 'vda', 'nvme0n1', 'kmsg'):
  if opens('/dev/' + name): breach('opened /dev/' + name)
for name in names('/dev/pts'):
  if name != 'ptmx' and opens('/dev/pts/' + name): breach('opened the terminal ' + name)`,
  },
  {
    name: 'switches of the kernel in /proc',
    code: `paths = ['/proc/sysrq-trigger', '/proc/kcore', '/proc/kmem', '/proc/mtrr', '/proc/bus', '/proc/timer_list', '/proc/kpageflags']
paths += [os.path.join(folder, name) for folder, _, files in os.walk('/proc/sys') for name in files]
# Of its own namespaces:
own = ('fs/mqueue/', 'kernel/msg', 'kernel/shm', 'kernel/sem', 'kernel/auto_msgmni', 'kernel/ns_last_pid', 'kernel/pid_max')
for path in paths:
  if path.removeprefix('/proc/sys/').startswith(own): continue
  if os.path.isfile(path) and opens(path, os.O_WRONLY): breach('could write ' + path)
if opens('/proc/kcore'): breach('could read memory')`,
  },
  {
    name: 'limits on messages and memory between processes',
    code: `for name, value in (('kernel/shmmni', '77'), ('kernel/msgmni', '77'), ('fs/mqueue/queues_max', '77')):
  try: put('/proc/sys/' + name, value)
  except OSError as error: print(error)`,
  },
  {
    name: 'programs that the kernel starts',
    code: `settings = ('kernel/core_pattern', 'kernel/modprobe', 'kernel/hotplug', 'fs/binfmt_misc/register')
for path in (*('/proc/sys/' + name for name in settings), '/sys/kernel/uevent_helper', '/sys/fs/cgroup/release_agent'):
  if opens(path, os.O_WRONLY): breach('could write ' + path)`,
  },
  {
    name: 'control groups',
    code: `for folder, folders, files in os.walk('/sys/fs/cgroup'):
  for name in ('release_agent', 'cgroup.procs', 'tasks', 'memory.max', 'memory.limit_in_bytes', 'devices.allow'):
    if name in files and opens(folder + '/' + name, os.O_WRONLY): breach('could write %s/%s' % (folder, name))
  if folder.count('/') > 5: folders.clear()
gains('mounted control groups', 'mount', b'cgroup', b'.', b'cgroup2', 0, 0) if not os.path.isdir('/sys/fs/cgroup') else None`,
  },
  {
    name: 'programs in the kernel',
    code: `gains('made a BPF map', 'bpf', 0, ctypes.create_string_buffer(struct.pack('5I', 2, 4, 4, 1, 0) + bytes(100)), 72)`,
  },
  {
    name: 'performance counters',
    code: `attributes = ctypes.create_string_buffer(struct.pack('IIQ', 1, 112, 0) + bytes(96))
gains('opened a counter', 'perf_event_open', attributes, 0, -1, -1, 0)`,
  },
  {
    name: 'page faults and rings of its own',
    code: `gains('userfaultfd', 'userfaultfd', 0o2000000)
gains('io_uring', 'io_uring_setup', 4, ctypes.create_string_buffer(256))
gains('fanotify', 'fanotify_init', 4, 0)`,
  },
  {
    name: 'modules and another kernel',
    code: `for what, arguments in (('finit_module', (-1, b'', 0)), ('kexec_load', (0, 99, 0, 0))):
  result, error = call(what, *arguments)
  if error not in (errno.EPERM, errno.ENOSYS): breach('was allowed %s: %d' % (what, error))`,
    unnoticed: 'a kernel may be built without either',
  },
  {
    name: 'a reboot',
    code: `result, error = call('reboot', 1, 2, 3, 0)  # numbers that no kernel obeys: who may reboot hears that they are wrong
if error == errno.EINVAL: breach('may reboot')`,
  },
  {
    name: 'the clock',
    code: `now = time.clock_gettime_ns(0)
gains('set the clock', 'clock_settime', 0, ctypes.create_string_buffer(struct.pack('qq', now // 10**9, now % 10**9)))`,
  },
  {
    name: 'the name of the machine',
    code: `gains('renamed the machine', 'sethostname', b'taken', 5)`,
  },
  {
    name: 'messages of the kernel',
    code: `buffer = ctypes.create_string_buffer(4096)
result, error = call('syslog', 3, buffer, 4096)
if result > 0: breach('read %d bytes of messages' % result)
if opens('/dev/kmsg'): breach('opened /dev/kmsg')`,
  },
  {
    name: 'files by their handles',
    code: `handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))
mount = ctypes.c_int()
for folder in (b'/usr', b'/etc', b'.'):
  fd = os.open(folder, os.O_RDONLY)
  root = ctypes.create_string_buffer(struct.pack('IiII', 8, 1, 2, 0))  # of the root folder, on ext4
  gains('opened the root by its number', 'open_by_handle_at', fd, root, os.O_RDONLY)
  if call('name_to_handle_at', -100, folder, handle, ctypes.byref(mount), 0)[0] == 0:
    gains('opened by handle', 'open_by_handle_at', fd, handle, os.O_RDONLY)`,
  },
  {
    name: 'keys of the user',
    code: `buffer = ctypes.create_string_buffer(4096)
for ring in (-3, -4, -5):
  key, error = call('keyctl', 10, ring, b'user', W['keyName'].encode(), 0)
  if key > 0 and call('keyctl', 11, key, buffer, 4096)[0] > 0: print(buffer.value.decode())
show('/proc/keys')`,
  },
  {
    name: 'characters typed into a terminal',
    pty: true,
    code: `for fd in (0, 1, 2):
  try: fcntl.ioctl(fd, 0x5412, b'\\n')
  except OSError as error: print(error)
  else: breach('typed by TIOCSTI')
  try: fcntl.ioctl(fd, 0x541c, b'\\x06')
  except OSError as error: print(error)
  else: breach('used TIOCLINUX')`,
    unnoticed: 'a kernel may refuse it everywhere',
  },
  {
    name: 'the terminal of the server',
    code: `if opens('/dev/tty', os.O_RDWR): breach('opened a terminal')
if open('/proc/self/stat').read().rsplit(')', 1)[1].split()[4] != '0': breach('has a terminal')
if os.getsid(0) == 0: breach('is in a session outside')`,
    unnoticed: 'tests need not have a terminal',
  },
  {
    name: 'sockets that reach past the network',
    code: `families = dict(vsock=(40, 1), packet=(17, 3), raw=(2, 3), alg=(38, 5), xdp=(44, 3), bluetooth=(31, 3), key=(15, 3))
for what, (family, kind) in families.items():
  try: socket.socket(family, kind, 255 if what == 'raw' else 2 if what == 'key' else 0).close()
  except OSError as error: print(what, error)
  else: breach('has a socket: ' + what)`,
  },
  {
    name: 'routes and interfaces',
    code: `for command in ('link add made type dummy', 'link add made type veth', 'link set lo mtu 60000',
                'addr add 192.0.2.1/32 dev lo', 'route add 198.51.100.0/24 dev lo'):
  if sh('ip ' + command) == 0: breach(command)`,
  },
];
