import { readFileSync } from 'node:fs';

/** A plugin for vitest: shaders are imported as text, as the build does it with its own loader. */
export const wgslAsText = {
  name: 'wgsl-as-text',
  enforce: 'pre' as const,
  load(id: string): string | null {
    const path = id.split('?')[0]!;
    return path.endsWith('.wgsl') ? `export default ${JSON.stringify(readFileSync(path, 'utf8'))};` : null;
  },
};
