/** The filter on system calls that every process of a sandbox has, as the BPF program that Linux takes. */

/** One instruction of classic BPF, as `struct sock_filter` has it. */
interface Instruction {
  code: number;
  /** How many instructions to skip when the comparison holds, and when not. */
  jt: number;
  jf: number;
  k: number;
}

export const SECCOMP_ARCHS = ['x64', 'arm64'] as const;
export type SeccompArch = (typeof SECCOMP_ARCHS)[number];

/** `AUDIT_ARCH_*` of linux/audit.h. */
export const AUDIT_ARCH: Record<SeccompArch, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

export const RET_ALLOW = 0x7fff0000;
export const RET_KILL_PROCESS = 0x80000000;
export const RET_EPERM = 0x00050000 | 1;
export const RET_ENOSYS = 0x00050000 | 38;
export const RET_EAFNOSUPPORT = 0x00050000 | 97;

/** Numbers on x64 and arm64; undefined where the call does not exist. Refused with EPERM whatever its arguments. */
const REFUSED: Record<string, readonly [x64: number | undefined, arm64: number | undefined]> = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_tree_attr: [467, 467],
  setns: [308, 268],
  unshare: [272, 97],
  chroot: [161, 51],
  swapon: [167, 224],
  swapoff: [168, 225],
  reboot: [169, 142],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  create_module: [174, undefined],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  get_kernel_syms: [177, undefined],
  query_module: [178, undefined],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  iopl: [172, undefined],
  ioperm: [173, undefined],
  modify_ldt: [154, undefined],
  vhangup: [153, 58],
  nfsservctl: [180, 42],
  lookup_dcookie: [212, 18],
  uselib: [134, undefined],
  ustat: [136, undefined],
  sysfs: [139, undefined],
  _sysctl: [156, undefined],
};

const NUMBER: Record<'socket' | 'socketpair' | 'ioctl' | 'clone' | 'clone3' | 'personality', readonly [number, number]> = {
  socket: [41, 198],
  socketpair: [53, 199],
  ioctl: [16, 29],
  clone: [56, 220],
  clone3: [435, 435],
  personality: [135, 92],
};

/** UNIX, INET, INET6, NETLINK. All others reach past the namespaces (VSOCK, the hypervisor) or are a wide door into the kernel. */
const FAMILIES = [1, 2, 10, 16];
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}. */
const NEW_NAMESPACES = 0x80 | 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
/** PER_LINUX, PER_LINUX32 and "only tell me". */
const PERSONALITIES = [0, 8, 0xffffffff];
/** Bit of the numbers of x64's second call table, whose calls would pass by every comparison. */
const X32_BIT = 0x40000000;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

/** Offsets in `struct seccomp_data`. Both architectures are little-endian: the low half of an argument comes first. */
const AT_NUMBER = 0;
const AT_ARCH = 4;
const low = (argument: number): number => 16 + 8 * argument;

/**
 * The program, 8 bytes an instruction, as `bwrap --seccomp` reads it.
 * @returns undefined for an architecture whose numbers it does not know
 */
export function seccompProgram(arch: string): Uint8Array | undefined {
  const column = SECCOMP_ARCHS.indexOf(arch as SeccompArch);
  if (column !== 0 && column !== 1) return undefined;
  return encode([
    load(AT_ARCH),
    ...when(JUMP_EQUAL, AUDIT_ARCH[arch as SeccompArch], [], [ret(RET_KILL_PROCESS)]),
    load(AT_NUMBER),
    ...(arch === 'x64' ? when(JUMP_AT_LEAST, X32_BIT, [ret(RET_ENOSYS)]) : []),
    ...checked(column),
    ...Object.values(REFUSED).flatMap((numbers) => {
      const number = numbers[column];
      return number === undefined ? [] : when(JUMP_EQUAL, number, [ret(RET_EPERM)]);
    }),
    ret(RET_ALLOW),
  ]);
}

/**
 * Calls of which only some arguments are refused. The kernel takes each of these as 32 bits, so the upper half must
 * not be looked at: a caller may set it to anything and still be served.
 */
function checked(column: 0 | 1): Instruction[] {
  const call = (name: keyof typeof NUMBER, then: Instruction[]): Instruction[] => when(JUMP_EQUAL, NUMBER[name][column], then);
  const only = (allowed: readonly number[], otherwise: number): Instruction[] => [
    ...allowed.flatMap((value) => when(JUMP_EQUAL, value, [ret(RET_ALLOW)])),
    ret(otherwise),
  ];
  return [
    ...call('socket', [load(low(0)), ...only(FAMILIES, RET_EAFNOSUPPORT)]),
    ...call('socketpair', [load(low(0)), ...only(FAMILIES, RET_EAFNOSUPPORT)]),
    ...call('ioctl', [
      load(low(1)),
      ...[TIOCSTI, TIOCLINUX].flatMap((request) => when(JUMP_EQUAL, request, [ret(RET_EPERM)])),
      ret(RET_ALLOW),
    ]),
    ...call('clone', [load(low(0)), ...when(JUMP_ANY_BIT, NEW_NAMESPACES, [ret(RET_EPERM)]), ret(RET_ALLOW)]),
    // Its flags lie in memory, out of a filter's sight. The C libraries fall back to clone.
    ...call('clone3', [ret(RET_ENOSYS)]),
    ...call('personality', [load(low(0)), ...only(PERSONALITIES, RET_EPERM)]),
  ];
}

function load(offset: number): Instruction {
  return { code: LOAD, jt: 0, jf: 0, k: offset };
}

function ret(value: number): Instruction {
  return { code: RETURN, jt: 0, jf: 0, k: value };
}

/** `then` must not fall through when there is an `otherwise`. */
function when(code: number, k: number, then: Instruction[], otherwise: Instruction[] = []): Instruction[] {
  const skip = then.length === 0 ? { jt: otherwise.length, jf: 0 } : { jt: 0, jf: then.length };
  return [{ code, ...skip, k }, ...then, ...otherwise];
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k >>> 0, true);
  }
  return bytes;
}
