// How much of each entry a page loads before any of its code runs, as a bundler with code splitting leaves it: minified and gzipped.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** Bytes, gzipped. onnxruntime is in none of them. */
export const BUDGETS = { index: 40_000, kernels: 19_300, onnx: 70_200, conformance: 37_000 };

/**
 * @param imports {string} what is imported of the entry: `*`, or names
 * @returns {Promise<{ bytes: number, inputs: string[], files: string[] }>} gzipped bytes of the first scripts, what they are made of, and the
 * files of dist/ that all scripts name
 */
export async function firstScripts(entry, imports = '*', dist = DIST) {
  const names = imports === '*' ? `* as all` : `{ ${imports} }`;
  const used = imports === '*' ? 'all' : imports;
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: `import ${names} from './${entry}.js';\nglobalThis.used = [${used}];`,
      resolveDir: dist,
    },
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    outdir: join(dist, 'budget'),
    logLevel: 'error',
  });
  const { outputs } = metafile;
  const first = Object.keys(outputs).find((name) => outputs[name].entryPoint === '<stdin>');
  const seen = new Set();
  const visit = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const { path, kind } of outputs[name].imports) {
      if (kind === 'import-statement' && path in outputs) visit(path);
    }
  };
  visit(first);
  const contents = (name) => outputFiles.find(({ path }) => path.endsWith(name.split('/').at(-1)));
  const bytes = [...seen].reduce(
    (sum, name) => sum + gzipSync(contents(name).contents, { level: 9 }).length,
    0,
  );
  const inputs = [...seen].flatMap((name) => Object.keys(outputs[name].inputs));
  const all = outputFiles.map(({ text }) => text).join('\n');
  const files = [...all.matchAll(/new URL\("(?:\.\/)?([\w.-]+)",\s*import\.meta\.url\)/g)].map(
    ([, file]) => file,
  );
  return { bytes, inputs, files: [...new Set(files)].sort() };
}

/** Bytes of dist/ as it lies, without source maps. */
export async function distBytes(dist = DIST) {
  let bytes = 0;
  for (const name of await readdir(dist, { recursive: true })) {
    const status = await stat(join(dist, name));
    if (status.isFile() && !name.endsWith('.map')) bytes += status.size;
  }
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [entry, budget] of Object.entries(BUDGETS)) {
    const { bytes } = await firstScripts(entry);
    console.log(`${entry.padEnd(12)} ${(bytes / 1000).toFixed(1)} kB gzip, at most ${budget / 1000}`);
    if (bytes > budget) process.exitCode = 1;
  }
}
