// Before anything is drawn, so that nobody sees the other theme flash: what was chosen, else what the system prefers, also when
// that changes.
const root = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const draw = () => {
  root.dataset.theme = root.dataset.choice ?? (dark.matches ? 'dark' : 'light');
};
try {
  const choice = localStorage.getItem('hud-theme');
  if (choice === 'light' || choice === 'dark') root.dataset.choice = choice;
} catch {
  // Storage is closed to this page: the system's preference counts.
}
draw();
dark.addEventListener('change', draw);
