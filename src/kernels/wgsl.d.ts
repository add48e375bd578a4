/** Shaders are imported as text: by the loader in esbuild.config.mjs, and by a plugin in vitest.config.ts. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
