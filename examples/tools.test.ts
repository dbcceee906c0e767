import { describeExample } from './sessions/describe-example.ts';
import { TOOLS } from './sessions/tools.ts';

describeExample('tools', TOOLS, { needs: [] });
