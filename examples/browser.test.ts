import { describeExample } from './sessions/describe-example.ts';
import { BROWSER } from './sessions/browser.ts';

describeExample('browser', BROWSER, { needs: ['chromium'] });
