import { expect, test } from 'vitest';
import { AUDIT_ARCH, RET_ALLOW, RET_EAFNOSUPPORT, RET_ENOSYS, RET_EPERM, RET_KILL_PROCESS, seccompProgram } from './seccomp.ts';

interface Call {
  arch?: number;
  number: number;
  args?: bigint[];
}

/** What the kernel would answer: an interpreter of the four kinds of instructions that the filter uses. */
function answer(program: Uint8Array, { arch = AUDIT_ARCH.x64, number, args = [] }: Call): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  for (let index = 0; index < 6; index++) data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, args[index] ?? 0n), true);
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, jt, jf, k] = [view.getUint16(at, true), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint32(at + 4, true)];
    if (code === 0x06) return k;
    if (code === 0x20) accumulator = data.getUint32(k, true);
    else if (code === 0x15) at += 8 * (accumulator === k ? jt : jf);
    else if (code === 0x35) at += 8 * (accumulator >= k ? jt : jf);
    else if (code === 0x45) at += 8 * ((accumulator & k) === 0 ? jf : jt);
    else throw new Error(`unknown instruction ${code} at ${at / 8}`);
  }
  throw new Error('the program ends without an answer');
}

const x64 = seccompProgram('x64') as Uint8Array;
const arm64 = seccompProgram('arm64') as Uint8Array;

test.each([
  { what: 'read', call: { number: 0 }, is: RET_ALLOW },
  { what: 'execve', call: { number: 59 }, is: RET_ALLOW },
  { what: 'ptrace', call: { number: 101 }, is: RET_EPERM },
  { what: 'mount', call: { number: 165 }, is: RET_EPERM },
  { what: 'bpf', call: { number: 321 }, is: RET_EPERM },
  { what: 'io_uring_setup', call: { number: 425 }, is: RET_EPERM },
  { what: 'clone3', call: { number: 435 }, is: RET_ENOSYS },
  { what: 'clone as fork does it', call: { number: 56, args: [0x01200011n] }, is: RET_ALLOW },
  { what: 'clone as a thread', call: { number: 56, args: [0x003d0f00n] }, is: RET_ALLOW },
  { what: 'clone with a new user namespace', call: { number: 56, args: [0x10000011n] }, is: RET_EPERM },
  { what: 'clone with a new time namespace', call: { number: 56, args: [0x80n] }, is: RET_EPERM },
  { what: 'socket of AF_INET', call: { number: 41, args: [2n] }, is: RET_ALLOW },
  { what: 'socket of AF_VSOCK', call: { number: 41, args: [40n] }, is: RET_EAFNOSUPPORT },
  { what: 'socket of AF_VSOCK with an upper half', call: { number: 41, args: [0xf_0000_0028n] }, is: RET_EAFNOSUPPORT },
  { what: 'socket of AF_UNIX with an upper half', call: { number: 41, args: [0xf_0000_0001n] }, is: RET_ALLOW },
  { what: 'socketpair of AF_UNIX', call: { number: 53, args: [1n] }, is: RET_ALLOW },
  { what: 'ioctl TCGETS', call: { number: 16, args: [0n, 0x5401n] }, is: RET_ALLOW },
  { what: 'ioctl TIOCSTI', call: { number: 16, args: [0n, 0x5412n] }, is: RET_EPERM },
  { what: 'ioctl TIOCSTI with an upper half', call: { number: 16, args: [0n, 0x1_0000_5412n] }, is: RET_EPERM },
  { what: 'ioctl TIOCLINUX', call: { number: 16, args: [0n, 0x541cn] }, is: RET_EPERM },
  { what: 'personality as a question', call: { number: 135, args: [0xffffffffn] }, is: RET_ALLOW },
  { what: 'personality without address randomization', call: { number: 135, args: [0x0040000n] }, is: RET_EPERM },
  { what: 'ptrace through the x32 table', call: { number: 0x40000000 + 521 }, is: RET_ENOSYS },
  { what: 'a call of the 32-bit table', call: { arch: 0x40000003, number: 26 }, is: RET_KILL_PROCESS },
])('on x64, $what is answered as it should be', ({ call, is }) => {
  expect(answer(x64, call)).toBe(is);
});

test.each([
  { what: 'read', call: { number: 63 }, is: RET_ALLOW },
  { what: 'execve', call: { number: 221 }, is: RET_ALLOW },
  { what: 'ptrace', call: { number: 117 }, is: RET_EPERM },
  { what: 'clone with a new network', call: { number: 220, args: [0x40000011n] }, is: RET_EPERM },
  { what: 'socket of AF_PACKET', call: { number: 198, args: [17n] }, is: RET_EAFNOSUPPORT },
  { what: 'ioctl TIOCSTI', call: { number: 29, args: [0n, 0x5412n] }, is: RET_EPERM },
  { what: 'a call of x64', call: { arch: AUDIT_ARCH.x64, number: 63 }, is: RET_KILL_PROCESS },
])('on arm64, $what is answered as it should be', ({ call, is }) => {
  expect(answer(arm64, { arch: AUDIT_ARCH.arm64, ...call })).toBe(is);
});

test('an architecture whose numbers are not known has no program', () => {
  expect(seccompProgram('riscv64')).toBeUndefined();
});
