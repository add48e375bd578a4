// Times our kernels on WebGPU and holds them against what arithmetic in registers and a copy of memory reach on the same GPU:
// npm run build && node bench/kernels-webgpu.mjs [--small] [--json]
import { parseArgs } from 'node:util';
import { measureKernels, SHAPES, SMALL_SHAPES } from './measure/kernels.mjs';
import { limitsOfGpu } from './measure/limits.mjs';
import { openGpu } from './webgpu-clock.mjs';

const { values: options } = parseArgs({
  options: { small: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const gpu = await openGpu();
const limits = await limitsOfGpu(gpu, options.small);
const results = await measureKernels({ ...gpu, limits }, options.small ? SMALL_SHAPES : SHAPES);
gpu.close();

if (options.json) console.log(JSON.stringify({ adapter: gpu.adapter, limits, results }));
else {
  console.log(
    `${gpu.adapter.name}: ${limits.gflops.toFixed(1)} GFLOP/s, ${limits.gigabytes.toFixed(1)} GB/s\n`,
  );
  console.log('| kernel | shape | ms as called | ms of the GPU | floor ms | of the floor |');
  console.log('|---|---|---|---|---|---|');
  for (const { kernel, shape, wallMs, gpuMs, floorMs, ofFloor } of results) {
    const cells = [wallMs.toPrecision(3), gpuMs?.toPrecision(3) ?? '–', floorMs.toPrecision(3)];
    console.log(`| ${[kernel, shape, ...cells, `${(100 * ofFloor).toFixed(0)} %`].join(' | ')} |`);
  }
}
