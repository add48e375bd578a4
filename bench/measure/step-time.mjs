/**
 * Where the time of whole training steps goes on WebGPU: by operator, as onnxruntime-web's profiler and timestamp queries tell, and by
 * kernel of ours, by timestamp queries. Profiling makes steps slower: how fast they are, `measureStep` tells.
 */
import { timeDispatches } from './dispatches.mjs';
import { operatorTimes, profiled } from './ort-profile.mjs';

/**
 * To be called before anything else of the package, in a thread that does nothing else: it changes what others would get.
 * @param moco {{ requestDevice }} and what else `moco-web` has
 * @param ort the module onnxruntime-web/webgpu, before it has made a session
 * @param network {object} of NETWORKS
 * @param layout see `profiled`
 * @returns of a step: `operators`, `hosts` and `kernels`, the longest first; `kernels` null without timestamp queries
 */
export async function timeOfSteps(moco, ort, { network, images, steps, layout }) {
  const { chooseBackend, describeDrawn, factsOf, pretrain, resolveConfig, setOnnxRuntime } = moco;
  // Sessions then have their profilers, and every dispatch its clock.
  const profiler = profiled(ort, layout);
  setOnnxRuntime(profiler.ort);
  const clock = await timeDispatches(moco.requestDevice);
  const backend = await chooseBackend('webgpu');
  const data = await describeDrawn(4 * images, images, network.imageSize, 0);
  const config = resolveConfig(
    'moco-v2',
    { ...network, batchSize: images, groups: 1, steps, seed: 0 },
    factsOf(data),
  );
  const losses = [];
  for await (const event of pretrain({ config, data, backend }))
    if (event.type === 'step') losses.push(event.loss);
  const { kernels, untimed } = await clock.kernels();
  const { operators, hosts } = operatorTimes(profiler.events);
  /** Of one step. */
  const each = (found, ...names) =>
    found?.map((row) => ({
      ...row,
      ...Object.fromEntries(names.map((name) => [name, row[name] / steps])),
    })) ?? null;
  return {
    ...{ adapter: backend.adapter, images, groups: 1, layout: layout ?? null, losses },
    operators: each(operators, 'runs', 'gpuMs'),
    hosts: each(hosts, 'runs', 'hostMs'),
    kernels: each(kernels, 'dispatches', 'gpuMs'),
    untimed,
  };
}
