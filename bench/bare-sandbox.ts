/** Bubblewrap by hand: the same walls and mounts as a workspace has, and nothing around it. */

export interface BareSandbox {
  command: string;
  /** The program is to follow. */
  args: readonly string[];
  /** Whom to become before; undefined without the right to. */
  identity: { uid: number; gid: number } | undefined;
}

const NOBODY = 65_534;
const WALLS = ['--unshare-all', '--unshare-user', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL', '--clearenv'];
const LINKS = ['lib', 'lib64', 'bin', 'sbin'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);

export function bareSandbox(folder: string): BareSandbox {
  const mounts = [
    '--ro-bind',
    '/usr',
    '/usr',
    '--ro-bind',
    '/etc',
    '/etc',
    ...LINKS,
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
  ];
  const settings = ['--setenv', 'PATH', '/usr/bin:/bin', '--bind', folder, '/workspace', '--chdir', '/workspace'];
  return {
    command: 'bwrap',
    args: [...WALLS, ...mounts, ...settings],
    identity: process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined,
  };
}
