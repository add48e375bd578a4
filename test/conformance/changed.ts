import type { Kernels } from '../../src/kernels/kernels.ts';

/** Kernels of which some methods are others. */
export function changed(kernels: Kernels, methods: Partial<Kernels>): Kernels {
  return new Proxy(kernels, {
    get(target, name) {
      const own = Object.hasOwn(methods, name);
      const value: unknown = own ? Reflect.get(methods, name) : Reflect.get(target, name, target);
      return typeof value === 'function' && !own ? value.bind(target) : value;
    },
  });
}
