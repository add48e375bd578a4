/**
 * Where the files lie that the build puts beside the library: .wasm files and worker scripts.
 * In the built package that is the folder of the running chunk; when the sources are run as they are (vitest),
 * it is the dist/ of the last build.
 */
const HERE = import.meta.url;
const SOURCES = HERE.endsWith('.ts');
const BASE = new URL(SOURCES ? '../../dist/' : './', HERE);

/** Written out: bundlers know `new URL('./name', import.meta.url)` and take the file along, under whatever name. */
const WRITTEN_OUT: Readonly<Record<string, URL>> = SOURCES
  ? {}
  : {
      'kernels.wasm': new URL('./kernels.wasm', import.meta.url),
      'augment.wasm': new URL('./augment.wasm', import.meta.url),
      'ort-wasm-simd-threaded.wasm': new URL('./ort-wasm-simd-threaded.wasm', import.meta.url),
      'ort-wasm-simd-threaded.asyncify.wasm': new URL(
        './ort-wasm-simd-threaded.asyncify.wasm',
        import.meta.url,
      ),
      'mozjpeg_enc.wasm': new URL('./mozjpeg_enc.wasm', import.meta.url),
      'mozjpeg_dec.wasm': new URL('./mozjpeg_dec.wasm', import.meta.url),
      'squoosh_png_bg.wasm': new URL('./squoosh_png_bg.wasm', import.meta.url),
      'rare-formats.js': new URL('./rare-formats.js', import.meta.url),
      'webp_dec.wasm': new URL('./webp_dec.wasm', import.meta.url),
    };

/** The address of a built file, e.g. `assetUrl('kernels.wasm')`. */
export function assetUrl(name: string): URL {
  return WRITTEN_OUT[name] ?? new URL(name, BASE);
}
