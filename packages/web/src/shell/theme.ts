/** Light, dark, or as the system prefers. `public/assets/theme.js` draws it before anything else, and when the system changes. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'hud-theme';

export function readTheme(): Theme {
  const { choice } = document.documentElement.dataset;
  return choice === 'light' || choice === 'dark' ? choice : 'system';
}

export function setTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset.choice;
  else dataset.choice = theme;
  dataset.theme = theme === 'system' ? preferred() : theme;
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is closed to this page: the choice lasts as long as the page.
  }
}

function preferred(): 'light' | 'dark' {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
