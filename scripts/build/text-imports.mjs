// Files that are wanted as text: `./page.css?raw`, as Vite has it, and `./browser/main.ts?script`, a script for pages that
// stand alone, bundled with the packages that it uses and their licenses.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { packageFolder } from './third-party-notices.mjs';

const SUFFIX = /\?(raw|script)$/;

/** Whose work is in a script: a page that is passed on has to say so itself. */
async function licenses(files) {
  const folders = new Set(files.map(packageFolder).filter((folder) => folder !== null));
  const texts = [...folders].sort().map(async (folder) => {
    const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const license = ['LICENSE', 'LICENSE.md'].map((file) => join(folder, file)).find(existsSync);
    const text = license === undefined ? '' : `\n${(await readFile(license, 'utf8')).trim()}`;
    return `/*\n${name} ${version}${text.replaceAll('*/', '* /')}\n*/\n`;
  });
  return (await Promise.all(texts)).join('');
}

/** @returns {Promise<{ text: string, files: string[] }>} one script without imports, and the files it was made of */
export async function bundleScript(path) {
  const { outputFiles, metafile } = await build({
    entryPoints: [path],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const files = Object.keys(metafile.inputs);
  // It stands inside <script>, which this would end.
  const code = outputFiles[0].text.replaceAll('</script', '<\\/script');
  return { text: (await licenses(files)) + code, files };
}

/** An esbuild plugin, and the files that have come in by way of it, which the metafile of the build does not know. */
export function textImports() {
  const files = new Set();
  const plugin = {
    name: 'text-imports',
    setup(outer) {
      outer.onResolve({ filter: SUFFIX }, async ({ path, importer, resolveDir, kind }) => {
        const resolved = await outer.resolve(path.replace(SUFFIX, ''), {
          importer,
          kind,
          resolveDir: resolveDir || dirname(importer),
        });
        if (resolved.errors.length > 0) return { errors: resolved.errors };
        // Relative: source maps name it.
        return { path: relative('.', resolved.path), namespace: SUFFIX.exec(path)[1] };
      });
      outer.onLoad({ filter: /.*/, namespace: 'raw' }, async ({ path }) => {
        files.add(path);
        return { contents: await readFile(path, 'utf8'), loader: 'text', watchFiles: [path] };
      });
      outer.onLoad({ filter: /.*/, namespace: 'script' }, async ({ path }) => {
        const script = await bundleScript(path);
        for (const file of script.files) files.add(file);
        return { contents: script.text, loader: 'text' };
      });
    },
  };
  return { plugin, files };
}
