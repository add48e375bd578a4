/**
 * Shaders are imported as text: by a plugin in vitest.config.ts as it is, by scripts/build/shader-texts.mjs as what loads it, as who
 * computes on WebAssembly needs none.
 */
declare module '*.wgsl' {
  const source: string | (() => Promise<string>);
  export default source;
}
