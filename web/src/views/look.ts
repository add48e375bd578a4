import type { View } from '../app.ts';

export const look: View = (_app, root) => {
  root.textContent = '';
  return () => {};
};
