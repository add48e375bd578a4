import type { View } from '../app.ts';

export const start: View = (_app, root) => {
  root.textContent = '';
  return () => {};
};
