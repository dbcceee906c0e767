/** What the Python of every attempt begins with: raw system calls, and ways to tell what was gained. */

/** Numbers on x86-64 and arm64. */
const CALLS: Record<string, readonly [number, number]> = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  pidfd_getfd: [438, 438],
  add_key: [248, 217],
  keyctl: [250, 219],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  mount: [165, 40],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  fsopen: [430, 430],
  mount_setattr: [442, 442],
  unshare: [272, 97],
  setns: [308, 268],
  clone: [56, 220],
  clone3: [435, 435],
  reboot: [169, 142],
  delete_module: [176, 106],
  finit_module: [313, 273],
  kexec_load: [246, 104],
  syslog: [103, 116],
  clock_settime: [227, 112],
  sethostname: [170, 161],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  fanotify_init: [300, 262],
  personality: [135, 92],
  renameat2: [316, 276],
  shmget: [29, 194],
  shmat: [30, 196],
  capset: [126, 91],
};

/**
 * `W` holds the facts of the world outside. `breach(what)` tells of something that was gained although it must not be;
 * `gains(what, call, …)` does so when a system call succeeds.
 */
export function prelude(facts: object): string {
  const numbers = JSON.stringify(CALLS);
  return `
import ctypes, errno, fcntl, json, os, resource, signal, socket, stat, struct, subprocess, sys, time
signal.alarm(12)
W = json.loads(r'''${JSON.stringify(facts)}''')
N = {name: pair[0 if os.uname().machine == 'x86_64' else 1] for name, pair in json.loads('${numbers}').items()}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(name, *args):
  ctypes.set_errno(0)
  number = N[name] if isinstance(name, str) else name
  result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
  return result, ctypes.get_errno()
def breach(what):
  print('BREACH:', what, flush=True)
def gains(what, name, *args):
  if call(name, *args)[0] >= 0: breach(what)
def opens(path, flags=os.O_RDONLY):
  try: os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY))
  except OSError: return False
  return True
def show(path):
  try:
    with open(path, 'rb', buffering=0) as file: print(file.read(1 << 16).decode('latin1'), flush=True)
  except OSError as error: print(path, error.strerror)
def attempt(what, run):
  try: run()
  except (OSError, ValueError) as error: print(what, error)
  else: breach(what)
def sh(command):
  done = subprocess.run(['sh', '-c', command], stdin=subprocess.DEVNULL, capture_output=True, timeout=8)
  print((done.stdout + done.stderr).decode('latin1')[-8000:], flush=True)
  return done.returncode
def pids():
  return [int(name) for name in os.listdir('/proc') if name.isdigit()]
def is_canary(pid):
  try: return open('/proc/%d/cmdline' % pid).read().split('\\0')[:2] == ['sleep', W['canaryName']]
  except OSError: return False
def canaries():
  seen = [pid for pid in pids() if is_canary(pid)]
  return seen or [pid for pid in [W['canary']] if not os.path.exists('/proc/%d' % pid)]
def put(path, text):
  fd = os.open(path, os.O_WRONLY)
  try: os.write(fd, text.encode())
  finally: os.close(fd)
def names(folder):
  try: return os.listdir(folder)
  except OSError: return []
def background(run, seconds):
  open('running', 'w').close()
  if os.fork(): return
  os.setsid()
  for fd in range(3): os.dup2(os.open('/dev/null', os.O_RDWR), fd)
  signal.alarm(int(seconds) + 2)
  end = time.monotonic() + seconds
  while time.monotonic() < end and os.path.exists('running'): run()
  os._exit(0)
def swapping(a, b, seconds=4):
  background(lambda: call('renameat2', -100, a.encode(), -100, b.encode(), 2), seconds)
`;
}
