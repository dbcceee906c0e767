/** Text files behind a shell, read for an edit: what is no text must not come back damaged. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { HudError, isHudError, messageOf } from '../../protocol/errors.ts';

/** The most an edit reads. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;

/** @throws HudError BAD_ARGUMENT with the other side's reason, or for a file that is too large or no UTF-8 */
export async function readText(ssh: SshClient, path: string, signal: AbortSignal): Promise<string> {
  const bytes = await refusalTold(ssh.readBytes(path, { maxBytes: MAX_FILE_BYTES + 1, signal }));
  if (bytes.length > MAX_FILE_BYTES)
    throw new HudError('BAD_ARGUMENT', `${path} is larger than ${MAX_FILE_BYTES} bytes; edit it in the shell.`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new HudError('BAD_ARGUMENT', `${path} is not UTF-8 text; edit it in the shell.`, { cause: error });
  }
}

/** A file that the other side would not read or write is a mistake of the model's. */
export async function refusalTold<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isHudError(error) && error.code === 'RPC_ERROR') throw new HudError('BAD_ARGUMENT', messageOf(error), { cause: error });
    throw error;
  }
}
