import { describeExample } from './sessions/describe-example.ts';
import { CODING } from './sessions/coding.ts';

describeExample('coding', CODING, { needs: ['bwrap'] });
