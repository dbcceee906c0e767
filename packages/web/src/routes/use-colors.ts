/** The colours of the theme for a canvas, which does not follow it by itself. */
import { useEffect, useState } from 'react';

export type Colors = (name: string) => string;

/** Another function with every change of the theme. */
export function useColors(): Colors {
  const [colors, setColors] = useState<Colors>(() => readColors());
  useEffect(() => {
    const changed = (): void => setColors(() => readColors());
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => observer.disconnect();
  }, []);
  return colors;
}

/** All of them now: a style that is read later would be the next theme's. */
function readColors(): Colors {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}
