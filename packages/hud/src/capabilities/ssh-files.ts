/** The commands behind file operations: exec channels alone, no SFTP. */

export type Shell = 'bash' | 'cmd' | 'powershell';

/** POSIX single quotes. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface FileCommands {
  read(path: string): string;
  /** What `read` printed, as the file's bytes. */
  decode(output: Buffer): Buffer;
  /** One after the other. */
  write(path: string, content: Uint8Array): { command: string; stdin?: Uint8Array }[];
  list(path: string): string;
  /** The command in another folder, with more variables. */
  inside(command: string, options: { cwd?: string | undefined; env?: Record<string, string> | undefined }): string;
}

export function fileCommands(shell: Shell): FileCommands {
  return shell === 'bash' ? POSIX : { ...WINDOWS, inside: shell === 'cmd' ? insideCmd : insidePowerShell };
}

const POSIX: FileCommands = {
  read: (path) => `cat -- ${shellQuote(operand(path))}`,
  decode: (output) => output,
  write: (path, content) => [{ command: `cat > ${shellQuote(path)}`, stdin: content }],
  list: (path) => `ls -1A -- ${shellQuote(path)}`,
  inside(command, { cwd, env = {} }) {
    const exports = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}\n`);
    return `${cwd === undefined ? '' : `cd -- ${shellQuote(cwd)} || exit 1\n`}${exports.join('')}${command}`;
  },
};

/** `-` alone would be standard input. */
function operand(path: string): string {
  return path === '-' ? './-' : path;
}

/** Of one command line, which Windows limits to 8,191 characters; a multiple of three, so that the pieces' base64 is whole. */
const PIECE_BYTES = 6_144;

const WINDOWS: Omit<FileCommands, 'inside'> = {
  read: (path) =>
    powerShell(`$p=(Resolve-Path -LiteralPath ${psQuote(path)}).ProviderPath;[Convert]::ToBase64String([IO.File]::ReadAllBytes($p))`),
  decode: (output) => Buffer.from(output.toString('latin1').replaceAll(/\s/g, ''), 'base64'),
  write(path, content) {
    const target = `$p=$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath(${psQuote(path)});`;
    const commands = [{ command: powerShell(`${target}[IO.File]::WriteAllBytes($p,[byte[]]@())`) }];
    for (let at = 0; at < content.length; at += PIECE_BYTES) {
      const piece = Buffer.from(content.subarray(at, at + PIECE_BYTES)).toString('base64');
      const append = `$b=[Convert]::FromBase64String('${piece}');$f=[IO.File]::Open($p,'Append');$f.Write($b,0,$b.Length);$f.Close()`;
      commands.push({ command: powerShell(target + append) });
    }
    return commands;
  },
  list: (path) => powerShell(`Get-ChildItem -Force -Name -LiteralPath ${psQuote(path)}`),
};

function insideCmd(command: string, options: { cwd?: string | undefined; env?: Record<string, string> | undefined }): string {
  return powerShell(`${psSetup(options)}& cmd.exe /d /s /c ${psQuote(command)};exit $LASTEXITCODE`);
}

function insidePowerShell(command: string, options: { cwd?: string | undefined; env?: Record<string, string> | undefined }): string {
  return powerShell(`${psSetup(options)}${command}`);
}

function psSetup({ cwd, env = {} }: { cwd?: string | undefined; env?: Record<string, string> | undefined }): string {
  const variables = Object.entries(env).map(([name, value]) => `$env:${name}=${psQuote(value)};`);
  return `${cwd === undefined ? '' : `Set-Location -LiteralPath ${psQuote(cwd)};`}${variables.join('')}`;
}

/** PowerShell takes the typographic quotes for the plain one, so all of them are doubled. */
function psQuote(text: string): string {
  return `'${text.replaceAll(/['\u2018\u2019\u201A\u201B]/g, '$&$&')}'`;
}

function powerShell(script: string): string {
  const encoded = Buffer.from(`$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue';${script}`, 'utf16le').toString(
    'base64',
  );
  return `powershell -NoProfile -NonInteractive -EncodedCommand ${encoded}`;
}
