import type { View } from '../app.ts';

export const learn: View = (_app, root) => {
  root.textContent = '';
  return () => {};
};
