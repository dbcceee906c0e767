/** The small build of zod speaks no language until it is told one; the whole of zod speaks English. */
import { config } from 'zod/mini';
import en from 'zod/v4/locales/en.js';

if (config().localeError === undefined) config(en());
