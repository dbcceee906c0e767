/** Keys, teams, the login of devices and the pages of signing in. */
import type { Context } from '../../context.ts';
import type { Router } from '../bind.ts';
import { addDeviceRoutes } from './device.ts';
import { addKeyRoutes } from './keys.ts';
import { addDevicePages } from '../pages/device.ts';
import { addLoginPages } from '../pages/login.ts';
import { addTeamRoutes } from './teams.ts';

export function addAccountRoutes(router: Router, context: Context): void {
  addKeyRoutes(router, context);
  addTeamRoutes(router, context);
  addDeviceRoutes(router, context);
  addLoginPages(router, context);
  addDevicePages(router, context);
}
