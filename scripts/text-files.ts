import { readFileSync } from 'node:fs';
import { bundleScript } from './build/text-imports.mjs';

/** A plugin for vitest: shaders, and scripts of pages that stand alone, are imported as text, as the build does it. */
export const textFiles = {
  name: 'text-files',
  enforce: 'pre' as const,
  async load(id: string): Promise<string | null> {
    const [path, query] = id.split('?');
    if (query === 'script') return asModule((await bundleScript(path!)).text);
    return path!.endsWith('.wgsl') ? asModule(readFileSync(path!, 'utf8')) : null;
  },
};

const asModule = (text: string) => `export default ${JSON.stringify(text)};`;
