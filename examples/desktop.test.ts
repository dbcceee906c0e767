import { describeExample } from './sessions/describe-example.ts';
import { DESKTOP } from './sessions/desktop.ts';

describeExample('desktop', DESKTOP, { needs: ['Xtigervnc', 'openbox', 'xdotool', 'mousepad'] });
