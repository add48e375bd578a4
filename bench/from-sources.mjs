/** For benchmarks of what no entry of dist/ gives out: modules of src/, bundled in memory. */
import { build } from 'esbuild';

const ROOT = new URL('..', import.meta.url);

/**
 * @param names {Record<string, string[]>} what is wanted of which file of src/, e.g. `{ 'onnx/graph.ts': ['GraphBuilder'] }`
 * @returns all of it, in one module
 */
export async function fromSources(names) {
  const lines = Object.entries(names).map(
    ([file, wanted]) => `export { ${wanted.join(', ')} } from './src/${file}';`,
  );
  const bundle = await build({
    stdin: { contents: lines.join('\n'), resolveDir: ROOT.pathname, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    loader: { '.wgsl': 'text' },
    external: ['onnxruntime-web/*', 'onnxruntime-node'],
    // What is bundled looks for packages from where it would lie.
    define: { 'import.meta.url': JSON.stringify(new URL('dist/index.js', ROOT).href) },
    logLevel: 'error',
  });
  const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
  return import(`data:text/javascript;base64,${source}`);
}
