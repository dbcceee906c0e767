/** Vendors' packages are optional and large: loaded on first use, missed with a sentence. */
import { HudError } from '../protocol/errors.ts';

/** @throws HudError PACKAGE_MISSING naming what to install */
export async function loadPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new HudError('PACKAGE_MISSING', `This agent needs the package ${name}, which is not installed.`, {
      hint: `npm install ${name}`,
      cause,
    });
  }
}
