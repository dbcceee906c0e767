/** Addresses that people open. They answer with HTML, and send whoever is not signed in to sign in first. */
import { route } from './route.ts';

export const home = route({ method: 'GET', path: '/', summary: 'Leads to the jobs', access: 'anyone' });

export const jobs = route({ method: 'GET', path: '/jobs', summary: 'The newest jobs', access: 'anyone' });

export const job = route({ method: 'GET', path: '/jobs/{id}', summary: 'A job and its runs', access: 'anyone' });

export const trace = route({ method: 'GET', path: '/trace/{id}', summary: 'A run, step by step', access: 'anyone' });
