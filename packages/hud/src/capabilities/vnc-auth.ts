/** The answer to a VNC server's challenge. */
import { vncEncrypt } from '../host/des.ts';

/** @param challenge 16 bytes; only the first 8 bytes of the password count */
export function vncResponse(password: string, challenge: Uint8Array): Buffer {
  return vncEncrypt(Buffer.from(password, 'latin1'), challenge);
}
