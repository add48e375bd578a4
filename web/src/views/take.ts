import type { View } from '../app.ts';

export const take: View = (_app, root) => {
  root.textContent = '';
  return () => {};
};
